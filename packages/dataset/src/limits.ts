/** A data set with more distinct usable rows can neither be checked nor split. */
export const MAX_DATASET_ROWS = 2 ** 21;
