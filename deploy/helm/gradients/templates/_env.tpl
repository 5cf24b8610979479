{{- /* (list $ settings): everything that the service reads from its environment. */ -}}
{{- define "gradients.env" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- $prefix := $settings.prefix -}}
- { name: {{ $prefix }}_GRPC_HOST, value: {{ $settings.listenHost | quote }} }
- { name: {{ $prefix }}_GRPC_PORT, value: {{ $settings.port | quote }} }
{{ include "gradients.databaseEnv" . }}
{{- with $settings.database.poolSize }}
- { name: {{ $prefix }}_DATABASE_POOL_SIZE, value: {{ int . | quote }} }
{{- end }}
- { name: {{ $prefix }}_NATS_SERVERS, value: {{ include "gradients.natsServers" $root | quote }} }
- { name: {{ $prefix }}_NATS_REPLICAS, value: {{ int $root.Values.nats.streamReplicas | quote }} }
{{- if $settings.objects }}
{{ include "gradients.objectsEnv" . }}
{{- end }}
{{- range include "gradients.secretFiles" . | fromJsonArray }}
- { name: {{ $prefix }}_{{ .variable }}_FILE, value: /run/secrets/gradients/{{ .file }} }
{{- end }}
{{ include (printf "gradients.env.%s" $settings.key) . }}
{{- include "gradients.telemetryEnv" . }}
{{- include "gradients.trustEnv" $root }}
{{- range $name, $value := $settings.config }}
- { name: {{ $name }}, value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }} }
{{- end }}
{{- with $settings.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* (list $ settings): all that migrate and await-schema need. */ -}}
{{- define "gradients.databaseEnv" -}}
{{- $settings := index . 1 -}}
- { name: {{ $settings.prefix }}_DATABASE_URL_FILE, value: /run/secrets/database/{{ $settings.component }} }
{{- with $settings.database.schema }}
- { name: {{ $settings.prefix }}_DATABASE_SCHEMA, value: {{ . | quote }} }
{{- end }}
{{- end -}}

{{- define "gradients.objectsEnv" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- $secret := include "gradients.objectsSecret" $root | fromJson -}}
{{- $prefix := $settings.prefix -}}
- { name: {{ $prefix }}_OBJECTS_ENDPOINT, value: {{ include "gradients.objectsEndpoint" $root | quote }} }
- { name: {{ $prefix }}_OBJECTS_REGION, value: {{ $root.Values.objects.region | quote }} }
- { name: {{ $prefix }}_OBJECTS_BUCKET, value: {{ $root.Values.objects.bucket | quote }} }
- name: {{ $prefix }}_OBJECTS_ACCESS_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ $secret.name }}, key: {{ $secret.accessKeyIdKey }} } }
{{- end -}}

{{- define "gradients.env.gateway" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
- { name: GATEWAY_HTTP_HOST, value: {{ $settings.listenHost | quote }} }
- { name: GATEWAY_HTTP_PORT, value: "8080" }
- { name: GATEWAY_SCHEDULER_TARGET, value: "dns:///{{ include "gradients.fullname" $root }}-scheduler:50052" }
{{- with $root.Values.objects.publicEndpoint }}
- { name: GATEWAY_OBJECTS_PUBLIC_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- if $settings.web }}
- { name: GATEWAY_WEB_ROOT, value: /app/services/gateway/web/dist }
{{- end }}
{{- end -}}

{{- /* What it keeps lives long: with a small young generation and one arena of the allocator it needs a quarter less memory. Who sets them otherwise is not contradicted. */ -}}
{{- define "gradients.env.scheduler" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- $given := keys $settings.config $root.Values.telemetry.env }}
{{- range $settings.extraEnv }}{{ $given = append $given .name }}{{ end }}
{{- range $name, $value := dict "NODE_OPTIONS" "--max-semi-space-size=8" "MALLOC_ARENA_MAX" "1" }}
{{- if not (has $name $given) }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}
- { name: SCHEDULER_RELAY_HOST, value: {{ $settings.listenHost | quote }} }
- { name: SCHEDULER_RELAY_PORT, value: {{ int $settings.relay.port | quote }} }
- { name: SCHEDULER_RELAY_TARGET, value: {{ include "gradients.relayTarget" . | quote }} }
{{- with include "gradients.trainersEndpoint" $root }}
- { name: SCHEDULER_OBJECTS_PUBLIC_ENDPOINT, value: {{ . | quote }} }
{{- end }}
- { name: SCHEDULER_RECIPES_CONTESTANT_HOTKEYS, value: {{ join "," $settings.contestantHotkeys | quote }} }
{{- if or $settings.recipes.catalogue $settings.recipes.existingConfigMap }}
- { name: SCHEDULER_RECIPES_FILE, value: /etc/gradients/recipes/recipes.json }
{{- end }}
{{- with $settings.recipes.imageRegistries }}
- { name: SCHEDULER_RECIPES_IMAGE_REGISTRIES, value: {{ join "," . | quote }} }
{{- end }}
- { name: SCHEDULER_FLEET_KIND, value: kubernetes }
- { name: SCHEDULER_FLEET_STOP_PODS_ON_EXIT, value: "false" }
- { name: SCHEDULER_FLEET_KUBERNETES_NAMESPACE, value: {{ $root.Values.trainers.namespace.name }} }
- { name: SCHEDULER_FLEET_KUBERNETES_SERVICE_ACCOUNT, value: {{ $root.Values.trainers.serviceAccountName }} }
- { name: SCHEDULER_FLEET_KUBERNETES_AGENT_IMAGE, value: {{ include "gradients.image" $root | quote }} }
- { name: SCHEDULER_FLEET_KUBERNETES_CLASSES, value: {{ include "gradients.hardwareClasses" $root | quote }} }
{{- if not $root.Values.trainers.networkPolicy.enabled }}
- { name: SCHEDULER_FLEET_KUBERNETES_NETWORK_GATE, value: "false" }
{{- end }}
{{- if $root.Values.trainers.networkPolicy.dns }}
- { name: SCHEDULER_FLEET_KUBERNETES_OPEN_DNS, value: "true" }
{{- end }}
{{- if $root.Values.trainers.userNamespaces }}
- { name: SCHEDULER_FLEET_KUBERNETES_USER_NAMESPACES, value: "true" }
{{- end }}
{{- with $root.Values.trainers.queue }}
- { name: SCHEDULER_FLEET_KUBERNETES_QUEUE, value: {{ . | quote }} }
{{- end }}
{{- end -}}

{{- define "gradients.env.scorer" -}}
- { name: SCORER_WORK_FOLDER, value: /work }
{{- end -}}

{{- define "gradients.env.chainBridge" -}}
{{- $settings := index . 1 -}}
- { name: CHAIN_BRIDGE_ENDPOINTS, value: {{ join "," $settings.endpoints | quote }} }
- { name: CHAIN_BRIDGE_NETUID, value: {{ int $settings.netuid | quote }} }
- { name: CHAIN_BRIDGE_MODE, value: {{ $settings.mode }} }
{{- with $settings.genesisHash }}
- { name: CHAIN_BRIDGE_GENESIS_HASH, value: {{ . | quote }} }
{{- end }}
{{- end -}}

{{- define "gradients.telemetryEnv" -}}
{{- $values := (index . 0).Values -}}
{{- if $values.metrics.enabled }}
- { name: OTEL_METRICS_EXPORTER, value: prometheus }
- { name: OTEL_EXPORTER_PROMETHEUS_HOST, value: {{ (index . 1).listenHost | quote }} }
- { name: OTEL_EXPORTER_PROMETHEUS_PORT, value: {{ int $values.metrics.port | quote }} }
{{- end }}
{{- with $values.telemetry.otlpEndpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
- { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
- { name: POD_NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
- { name: OTEL_RESOURCE_ATTRIBUTES, value: "k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE)" }
{{- range $name, $value := $values.telemetry.env }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end -}}

{{- define "gradients.trustEnv" -}}
{{- if include "gradients.trustVolume" . }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/gradients/trust/ca.crt }
{{- end }}
{{- end -}}

{{- define "gradients.natsServers" -}}
{{- if and .Values.dev.enabled (not .Values.nats.servers) -}}
{{- printf "%s-nats:4222" (include "gradients.devName" .) -}}
{{- else -}}
{{- join "," .Values.nats.servers -}}
{{- end -}}
{{- end -}}

{{- define "gradients.objectsEndpoint" -}}
{{- if and .Values.dev.enabled (not .Values.objects.endpoint) -}}
{{- printf "http://%s-objects:8333" (include "gradients.devName" .) -}}
{{- else -}}
{{- .Values.objects.endpoint -}}
{{- end -}}
{{- end -}}

{{- /* Where pods have no DNS, cluster IPs are named by the variables that the kubelet makes of Services. */ -}}
{{- define "gradients.trainersEndpoint" -}}
{{- if .Values.objects.trainersEndpoint -}}
{{- .Values.objects.trainersEndpoint -}}
{{- else if and .Values.dev.enabled (not .Values.objects.endpoint) -}}
{{- printf "http://$(%s_OBJECTS_SERVICE_HOST):8333" (include "gradients.devName" . | upper | replace "-" "_") -}}
{{- end -}}
{{- end -}}

{{- define "gradients.relayTarget" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- if $settings.relay.target -}}
{{- $settings.relay.target -}}
{{- else -}}
{{- printf "$(%s_RELAY_SERVICE_HOST):%d" ($settings.fullname | upper | replace "-" "_") (int $settings.relay.port) -}}
{{- end -}}
{{- end -}}

{{- /* Hardware classes as JSON, each with an image; quantities as text, also those that YAML takes for numbers. */ -}}
{{- define "gradients.hardwareClasses" -}}
{{- $root := . -}}
{{- $classes := list -}}
{{- range .Values.trainers.hardwareClasses -}}
{{- $class := include "gradients.merge" (list (dict "image" (include "gradients.imageName" (dict "root" $root "image" $root.Values.trainers.image "tag" $root.Chart.AppVersion))) .) | fromJson -}}
{{- range $key := list "shmSize" "workSize" "tmpSize" -}}
{{- if hasKey $class $key -}}{{- $_ := set $class $key (get $class $key | toString) -}}{{- end -}}
{{- end -}}
{{- range $key := list "cpu" "memory" "ephemeralStorage" -}}
{{- $_ := set $class.resources $key (get $class.resources $key | toString) -}}
{{- end -}}
{{- $classes = append $classes $class -}}
{{- end -}}
{{- toJson $classes -}}
{{- end -}}
