{{- define "gradients.devName" -}}
{{- printf "%s-dev" (include "gradients.fullname" .) -}}
{{- end -}}

{{- /* (list $ settings): name and key of the Secret with the service's database URL. */ -}}
{{- define "gradients.databaseSecret" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- if and $root.Values.dev.enabled (not $settings.database.existingSecret.name) -}}
{{- toJson (dict "name" (include "gradients.devName" $root) "key" (printf "%s-url" $settings.component)) -}}
{{- else -}}
{{- toJson $settings.database.existingSecret -}}
{{- end -}}
{{- end -}}

{{- /* Of the role that makes roles; its name is empty where there is none. */ -}}
{{- define "gradients.adminSecret" -}}
{{- if and .Values.dev.enabled (not .Values.database.adminSecret.name) -}}
{{- toJson (dict "name" (include "gradients.devName" .) "key" "admin-url") -}}
{{- else -}}
{{- toJson .Values.database.adminSecret -}}
{{- end -}}
{{- end -}}

{{- define "gradients.objectsSecret" -}}
{{- if and .Values.dev.enabled (not .Values.objects.existingSecret.name) -}}
{{- toJson (dict "name" (include "gradients.devName" .) "accessKeyIdKey" "access-key-id" "secretAccessKeyKey" "secret-access-key") -}}
{{- else -}}
{{- toJson .Values.objects.existingSecret -}}
{{- end -}}
{{- end -}}

{{- /* Of the first API key; its name is empty where there is none. */ -}}
{{- define "gradients.bootstrapSecret" -}}
{{- if and .Values.dev.enabled (not .Values.gateway.bootstrapKey.existingSecret.name) -}}
{{- toJson (dict "name" (include "gradients.devName" .) "key" "api-key") -}}
{{- else -}}
{{- toJson .Values.gateway.bootstrapKey.existingSecret -}}
{{- end -}}
{{- end -}}

{{- /* (list $ settings) */ -}}
{{- define "gradients.natsSecret" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- toJson (ternary $settings.natsSecret $root.Values.nats.existingSecret (ne $settings.natsSecret.name "")) -}}
{{- end -}}

{{- /* (list $ settings): the service's secrets as JSON list of file, variable, Secret and key. All are files: a variable shows in every dump of a process. */ -}}
{{- define "gradients.secretFiles" -}}
{{- $root := index . 0 -}}
{{- $settings := index . 1 -}}
{{- $files := list -}}
{{- $nats := include "gradients.natsSecret" . | fromJson -}}
{{- if $nats.name -}}
{{- $files = append $files (dict "file" "nats.creds" "variable" "NATS_CREDS" "secret" $nats.name "key" $nats.key) -}}
{{- end -}}
{{- if $settings.objects -}}
{{- $objects := include "gradients.objectsSecret" $root | fromJson -}}
{{- $files = append $files (dict "file" "objects-secret-access-key" "variable" "OBJECTS_SECRET_ACCESS_KEY" "secret" $objects.name "key" $objects.secretAccessKeyKey) -}}
{{- end -}}
{{- if eq $settings.key "gateway" -}}
{{- with $settings.tls.existingSecret -}}
{{- $files = append $files (dict "file" "tls.crt" "variable" "TLS_CERTIFICATE" "secret" . "key" "tls.crt") -}}
{{- $files = append $files (dict "file" "tls.key" "variable" "TLS_KEY" "secret" . "key" "tls.key") -}}
{{- end -}}
{{- $bootstrap := include "gradients.bootstrapSecret" $root | fromJson -}}
{{- if $bootstrap.name -}}
{{- $files = append $files (dict "file" "api-key" "variable" "BOOTSTRAP_KEY" "secret" $bootstrap.name "key" $bootstrap.key) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $settings.key "chainBridge") (eq $settings.mode "active") -}}
{{- with $settings.hotkey.existingSecret -}}
{{- $files = append $files (dict "file" "hotkey" "variable" "HOTKEY" "secret" .name "key" .key) -}}
{{- end -}}
{{- end -}}
{{- toJson $files -}}
{{- end -}}
