export const SERVICES_NAMESPACE = "gradients";
export const TRAINERS_NAMESPACE = "gradients-trainers";
