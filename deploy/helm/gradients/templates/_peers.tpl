{{- /* Port of a URL or host:port; by the scheme where it names none. */ -}}
{{- define "gradients.portOf" -}}
{{- $authority := regexFind "^([a-z]+://)?[^/]+" . -}}
{{- $port := regexFind ":[0-9]+$" $authority -}}
{{- if $port -}}
{{- trimPrefix ":" $port -}}
{{- else -}}
{{- get (dict "http" "80" "https" "443" "ws" "80" "wss" "443" "nats" "4222" "tls" "4222") (regexFind "^[a-z]+" (regexFind "^[a-z]+://" .)) | default "4222" -}}
{{- end -}}
{{- end -}}

{{- /* Addresses of URLs or host:port entries to their ports, as JSON. */ -}}
{{- define "gradients.portsOf" -}}
{{- $ports := list -}}
{{- range . -}}{{- $ports = append $ports (include "gradients.portOf" . | int) -}}{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}

{{- /* (dict peers ports [protocols]): one egress rule. Without peers: anything but the addresses at which clouds keep their metadata. Some network plugins match pods by selectors only. */ -}}
{{- define "gradients.egress" -}}
- to:
    {{- if .peers }}
    {{- toYaml .peers | nindent 4 }}
    {{- else }}
    - namespaceSelector: {}
    {{- range $all := list "0.0.0.0/0" "::/0" }}
    - ipBlock: { cidr: {{ quote $all }}, except: {{ include "gradients.networksIn" (list $all (include "gradients.metadataNetworks" $ | fromJsonArray)) }} }
    {{- end }}
    {{- end }}
  ports:
    {{- range $port := .ports }}
    {{- range $protocol := $.protocols | default (list "TCP") }}
    - { protocol: {{ $protocol }}, port: {{ int $port }} }
    {{- end }}
    {{- end }}
{{- end -}}

{{- define "gradients.egress.dns" -}}
{{ include "gradients.egress" (dict "peers" .Values.networkPolicy.dns "ports" .Values.networkPolicy.dnsPorts "protocols" (list "UDP" "TCP")) }}
{{- end -}}

{{- define "gradients.egress.database" -}}
{{- $dev := include "gradients.devPeers" (list . "postgres") | fromJsonArray -}}
{{ include "gradients.egress" (dict "peers" (default $dev .Values.networkPolicy.database) "ports" (list .Values.database.port)) }}
{{- end -}}

{{- define "gradients.egress.nats" -}}
{{- $dev := include "gradients.devPeers" (list . "nats") | fromJsonArray -}}
{{ include "gradients.egress" (dict "peers" (default $dev .Values.networkPolicy.nats) "ports" (include "gradients.portsOf" (include "gradients.natsServers" . | splitList ",") | fromJsonArray)) }}
{{- end -}}

{{- define "gradients.egress.objects" -}}
{{- $dev := include "gradients.devPeers" (list . "objects") | fromJsonArray -}}
{{ include "gradients.egress" (dict "peers" (default $dev .Values.networkPolicy.objects) "ports" (list (include "gradients.portOf" (include "gradients.objectsEndpoint" .)))) }}
{{- end -}}

{{- /* (list $ component): the pods of a component in the release's namespace, as a list of peers. */ -}}
{{- define "gradients.peersOf" -}}
- podSelector:
    matchLabels:
      {{- include "gradients.selector" . | nindent 6 }}
{{- end -}}

{{- /* (list $ server): the development server, as a list of peers in JSON; empty without it. */ -}}
{{- define "gradients.devPeers" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.dev.enabled -}}
{{- include "gradients.peersOf" (list $root (printf "dev-%s" (index . 1))) | fromYamlArray | toJson -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}
