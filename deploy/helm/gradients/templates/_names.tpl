{{- define "gradients.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Short enough for every suffix below to fit into 63 characters. */ -}}
{{- define "gradients.fullname" -}}
{{- $name := include "gradients.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* (list $ component): what tells the pods of a component, and never changes. */ -}}
{{- define "gradients.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "gradients.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* (list $ component own): labels of an object. The chart's come first, for selectors rely on them, then its own, then the common ones. */ -}}
{{- define "gradients.labels" -}}
{{- $root := index . 0 -}}
{{- $chart := dict
  "app.kubernetes.io/part-of" "gradients"
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")
-}}
{{- merge (dict) (include "gradients.selector" . | fromYaml) $chart (index . 2 | default dict) $root.Values.commonLabels | toYaml -}}
{{- end -}}

{{- /* (list $ component own): of pods, without versions: a pod is replaced when it changes, not when the chart's number does. */ -}}
{{- define "gradients.podLabels" -}}
{{- merge (dict) (include "gradients.selector" . | fromYaml) (dict "app.kubernetes.io/part-of" "gradients") (index . 2 | default dict) (index . 0).Values.commonLabels | toYaml -}}
{{- end -}}

{{- /* (dict root component name [namespace] [cluster] [annotations] [labels]): the metadata of an object; in the release's namespace if none is given. */ -}}
{{- define "gradients.metadata" -}}
{{- $root := .root -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ default $root.Release.Namespace .namespace }}
{{- end }}
labels:
  {{- include "gradients.labels" (list $root .component .labels) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "gradients.image" -}}
{{- include "gradients.imageName" (dict "root" . "image" .Values.image "tag" (default .Chart.AppVersion .Values.image.tag)) -}}
{{- end -}}

{{- /* (dict root image [tag]): a digest goes before a tag. */ -}}
{{- define "gradients.imageName" -}}
{{- $registry := default .image.registry .root.Values.imageRegistry -}}
{{- $repository := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository .tag -}}
{{- end -}}
{{- end -}}

{{- /* (list $ image): a whole name; with imageRegistry in place of its own registry. */ -}}
{{- define "gradients.thirdPartyImage" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- if $root.Values.imageRegistry -}}
{{- $host := regexFind "^[^/]+" $name -}}
{{- if regexMatch "[.:]" $host -}}{{- $name = trimPrefix (printf "%s/" $host) $name -}}{{- end -}}
{{- printf "%s/%s" $root.Values.imageRegistry $name -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "gradients.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- /* (list base over): maps are merged, everything else is replaced, also by false, 0 and null. */ -}}
{{- define "gradients.merge" -}}
{{- $base := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- $old := get $base $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $old) -}}
{{- $_ := set $base $key (include "gradients.merge" (list $old $value) | fromJson) -}}
{{- else -}}
{{- $_ := set $base $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $base -}}
{{- end -}}

{{- /* (list $ key): the settings of a service, laid over the defaults, with what the chart knows of it. */ -}}
{{- define "gradients.service" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
{{- $known := dict
  "gateway" (dict "component" "gateway" "prefix" "GATEWAY" "port" 50051 "objects" true)
  "scheduler" (dict "component" "scheduler" "prefix" "SCHEDULER" "port" 50052 "objects" true)
  "scorer" (dict "component" "scorer" "prefix" "SCORER" "port" 50053 "objects" true)
  "chainBridge" (dict "component" "chain-bridge" "prefix" "CHAIN_BRIDGE" "port" 50054 "objects" false)
-}}
{{- $own := get $known $key -}}
{{- $_ := set $own "key" $key -}}
{{- $_ := set $own "fullname" (printf "%s-%s" (include "gradients.fullname" $root) $own.component) -}}
{{- include "gradients.merge" (list (include "gradients.merge" (list $root.Values.defaults (get $root.Values $key)) | fromJson) $own) -}}
{{- end -}}

{{- /* Keys of the services that run, as JSON. */ -}}
{{- define "gradients.services" -}}
{{- $keys := list "gateway" "scheduler" "scorer" -}}
{{- if .Values.chainBridge.enabled -}}{{- $keys = append $keys "chainBridge" -}}{{- end -}}
{{- toJson $keys -}}
{{- end -}}

{{- /* (list $ settings) */ -}}
{{- define "gradients.serviceAccountName" -}}
{{- $settings := index . 1 -}}
{{- if $settings.serviceAccount.create -}}
{{- default $settings.fullname $settings.serviceAccount.name -}}
{{- else -}}
{{- default "default" $settings.serviceAccount.name -}}
{{- end -}}
{{- end -}}
