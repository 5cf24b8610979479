import type { Job } from "@gradients/kube";
import { podName } from "../../pod-name.ts";
import { jobManifest, type ManifestSettings } from "../job-manifest.ts";
import type { KubernetesClass } from "../kubernetes-config.ts";

/** The Job that the scheduler makes for a pod of the class, for an attempt that is none. */
export function probeJob(hardware: KubernetesClass, settings: ManifestSettings): Job {
  return jobManifest(
    {
      name: podName("doctor", 0),
      attemptId: "doctor",
      jobId: "doctor",
      epoch: 0,
      hardwareClass: hardware.name,
      relayTarget: "doctor:1",
      token: "",
      traceparent: null,
      maxSeconds: 60,
      work: "train",
      image: null,
    },
    hardware,
    settings,
  );
}
