{{- define "gradients.trustVolume" -}}
{{- with .Values.trustedCa -}}
{{- if .configMapName -}}
configMap: { name: {{ .configMapName }}, items: [{ key: {{ .key }}, path: ca.crt }] }
{{- else if .secretName -}}
secret: { secretName: {{ .secretName }}, items: [{ key: {{ .key }}, path: ca.crt }] }
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* (list $ settings): a Deployment, before the service's merge value is laid over it. */ -}}
{{- define "gradients.deploymentBody" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "gradients.metadata" (dict "root" $root "component" $settings.component "name" $settings.fullname "annotations" $settings.annotations) | nindent 2 }}
spec:
  {{- if not (dig "autoscaling" "enabled" false $settings) }}
  replicas: {{ int $settings.replicas }}
  {{- end }}
  revisionHistoryLimit: {{ int $settings.revisionHistoryLimit }}
  strategy:
    {{- toYaml $settings.strategy | nindent 4 }}
  selector:
    matchLabels:
      {{- include "gradients.selector" (list $root $settings.component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "gradients.podLabels" (list $root $settings.component $settings.podLabels) | nindent 8 }}
      annotations:
        {{- merge (dict) (include "gradients.checksums" . | fromYaml) $settings.podAnnotations $root.Values.commonAnnotations | toYaml | nindent 8 }}
    spec:
      {{- include "gradients.podSpec" . | nindent 6 }}
{{- end -}}

{{- /* With what the chart makes and a pod reads at its start only: a change of it replaces the pods. */ -}}
{{- define "gradients.checksums" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
kubectl.kubernetes.io/default-container: {{ $settings.component }}
{{- if $root.Values.dev.enabled }}
checksum/dev: {{ $root.Values.dev.password | sha256sum | trunc 16 }}
{{- end }}
{{- if and (eq $settings.key "scheduler") $settings.recipes.catalogue }}
checksum/recipes: {{ toJson $settings.recipes.catalogue | sha256sum | trunc 16 }}
{{- end }}
{{- end -}}

{{- define "gradients.podSpec" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
serviceAccountName: {{ include "gradients.serviceAccountName" . }}
automountServiceAccountToken: false
{{- /* The scheduler takes the relay's cluster IP from the variables that these links make. */}}
enableServiceLinks: {{ eq $settings.key "scheduler" }}
{{- include "gradients.pullSecrets" $root }}
{{- with $settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $settings.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- if not (kindIs "invalid" $settings.hostUsers) }}
hostUsers: {{ $settings.hostUsers }}
{{- end }}
terminationGracePeriodSeconds: {{ int $settings.terminationGracePeriodSeconds }}
securityContext:
  {{- toYaml $settings.podSecurityContext | nindent 2 }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "hostAliases" }}
{{- with get $settings $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $settings.topologySpread.keys }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: {{ $settings.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "gradients.selector" (list $root $settings.component) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
initContainers:
  {{- with $settings.extraInitContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - name: await-schema
    {{- include "gradients.program" (list $root $settings "await-schema") | nindent 4 }}
    env:
      {{- include "gradients.databaseEnv" . | nindent 6 }}
      {{- include "gradients.trustEnv" $root | nindent 6 }}
    volumeMounts:
      {{- include "gradients.databaseMounts" $root | nindent 6 }}
    resources:
      requests: { cpu: 10m, memory: 128Mi }
      limits: { memory: 256Mi }
containers:
  - name: {{ $settings.component }}
    {{- include "gradients.program" (list $root $settings "") | nindent 4 }}
    env:
      {{- include "gradients.env" . | nindent 6 }}
    {{- with $settings.extraEnvFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      {{- include "gradients.containerPorts" . | nindent 6 }}
    {{- include "gradients.probes" . | nindent 4 }}
    lifecycle:
      preStop: { sleep: { seconds: {{ int $settings.preStopSeconds }} } }
    resources:
      {{- toYaml $settings.resources | nindent 6 }}
    volumeMounts:
      {{- include "gradients.mounts" . | nindent 6 }}
  {{- with $settings.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "gradients.volumes" . | nindent 2 }}
{{- end -}}

{{- /* (list $ settings verb): image, command line and rights. */ -}}
{{- define "gradients.program" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- $verb := index . 2 -}}
image: {{ include "gradients.image" $root | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
workingDir: /app
command: [node, --import, ./packages/runtime/src/telemetry.ts, services/{{ $settings.component }}/src/main.ts]
{{- if $verb }}
args: [{{ $verb }}]
{{- else if $settings.extraArgs }}
args: {{ toJson $settings.extraArgs }}
{{- end }}
securityContext:
  {{- toYaml $settings.securityContext | nindent 2 }}
{{- end -}}

{{- define "gradients.containerPorts" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
- { name: grpc, containerPort: {{ $settings.port }} }
{{- if eq $settings.key "gateway" }}
- { name: http, containerPort: 8080 }
{{- end }}
{{- if eq $settings.key "scheduler" }}
- { name: relay, containerPort: {{ int $settings.relay.port }} }
{{- end }}
{{- if $root.Values.metrics.enabled }}
- { name: metrics, containerPort: {{ int $root.Values.metrics.port }} }
{{- end }}
{{- end -}}

{{- /* The health service answers for the process alone, so a database or a broker that is away never has a pod killed. The kubelet's gRPC probe speaks no TLS. */ -}}
{{- define "gradients.probes" -}}
{{- $settings := index . 1 -}}
{{- $question := printf "grpc: { port: %d }" (int $settings.port) -}}
{{- if dig "tls" "existingSecret" "" $settings -}}
{{- $question = "httpGet: { path: /healthz, port: http, scheme: HTTPS }" -}}
{{- end -}}
startupProbe:
  {{ $question }}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: {{ div (int $settings.probes.startupSeconds) 2 }}
livenessProbe:
  {{ $question }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: {{ max 1 (div (int $settings.probes.livenessSeconds) 10) }}
readinessProbe:
  {{ $question }}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: {{ max 1 (div (int $settings.probes.readinessSeconds) 5) }}
{{- end -}}

{{- define "gradients.databaseMounts" -}}
- { name: database, mountPath: /run/secrets/database, readOnly: true }
{{- if include "gradients.trustVolume" . }}
- { name: trust, mountPath: /etc/gradients/trust, readOnly: true }
{{- end }}
{{- end -}}

{{- define "gradients.mounts" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
- { name: tmp, mountPath: /tmp }
{{ include "gradients.databaseMounts" $root }}
{{- if include "gradients.secretFiles" . | fromJsonArray }}
- { name: secrets, mountPath: /run/secrets/gradients, readOnly: true }
{{- end }}
{{- if eq $settings.key "scheduler" }}
- { name: kubernetes, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
{{- if or $settings.recipes.catalogue $settings.recipes.existingConfigMap }}
- { name: recipes, mountPath: /etc/gradients/recipes, readOnly: true }
{{- end }}
{{- end }}
{{- if eq $settings.key "scorer" }}
- { name: work, mountPath: /work }
{{- end }}
{{- with $settings.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gradients.volumes" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
- name: tmp
  emptyDir: { sizeLimit: {{ $settings.tmpSize }} }
{{ include "gradients.databaseVolumes" (list $root (list $settings) false) }}
{{- with include "gradients.secretFiles" . | fromJsonArray }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range . }}
      - secret: { name: {{ .secret }}, items: [{ key: {{ .key }}, path: {{ .file }} }] }
      {{- end }}
{{- end }}
{{- if eq $settings.key "scheduler" }}
{{ include "gradients.schedulerVolumes" . }}
{{- end }}
{{- if eq $settings.key "scorer" }}
- name: work
  {{- if $settings.work.volume }}
  {{- toYaml $settings.work.volume | nindent 2 }}
  {{- else }}
  emptyDir: { sizeLimit: {{ $settings.work.sizeLimit }} }
  {{- end }}
{{- end }}
{{- with $settings.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* (list $ settings-of-services admin) */ -}}
{{- define "gradients.databaseVolumes" -}}
{{- $root := index . 0 -}}
- name: database
  projected:
    defaultMode: 0440
    sources:
      {{- range index . 1 }}
      {{- $secret := include "gradients.databaseSecret" (list $root .) | fromJson }}
      - secret: { name: {{ $secret.name }}, items: [{ key: {{ $secret.key }}, path: {{ .component }} }] }
      {{- end }}
      {{- $admin := include "gradients.adminSecret" $root | fromJson }}
      {{- if and (index . 2) $admin.name }}
      - secret: { name: {{ $admin.name }}, items: [{ key: {{ $admin.key }}, path: admin }] }
      {{- end }}
{{- with include "gradients.trustVolume" $root }}
- name: trust
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The token goes into the scheduler's own container only, and is renewed each hour. */ -}}
{{- define "gradients.schedulerVolumes" -}}
{{- $settings := index . 1 -}}
- name: kubernetes
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3607 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
{{- if $settings.recipes.existingConfigMap }}
- name: recipes
  configMap: { name: {{ $settings.recipes.existingConfigMap }} }
{{- else if $settings.recipes.catalogue }}
- name: recipes
  configMap: { name: {{ $settings.fullname }}-recipes }
{{- end }}
{{- end -}}
