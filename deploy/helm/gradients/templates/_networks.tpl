{{- /* What pods never reach: link-local addresses and others, at which clouds keep their metadata. */ -}}
{{- define "gradients.metadataNetworks" -}}
["100.100.100.200/32", "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"]
{{- end -}}

{{- /* IPv4 in the clothes of IPv6. Network plugins may read 169.254.169.254/32 in ::ffff:a9fe:a9fe/128, and 0.0.0.0/0 in the whole. No exception of a wider IPv6 network: Kubernetes counts it as no part of one. */ -}}
{{- define "gradients.mappedNetwork" -}}
::ffff:0:0/96
{{- end -}}

{{- /* A network, e.g. 10.0.0.0/8, as its family and the bits of its prefix: 4:00001010. It holds those whose text begins with its own. */ -}}
{{- define "gradients.prefixBits" -}}
{{- $parts := splitList "/" . -}}
{{- $bits := "" -}}
{{- if contains ":" . -}}
  {{- $halves := splitList "::" (first $parts) -}}
  {{- $head := splitList ":" (first $halves) | compact -}}
  {{- $tail := splitList ":" (rest $halves | join "") | compact -}}
  {{- $zeros := list -}}
  {{- range until (add (len $head) (len $tail) | sub 8 | max 0 | int) -}}{{- $zeros = append $zeros "0" -}}{{- end -}}
  {{- range concat $head $zeros $tail -}}{{- $bits = printf "%s%016b" $bits (int64 (printf "0x%s" .)) -}}{{- end -}}
  {{- printf "6:%s" (trunc (last $parts | atoi) $bits) -}}
{{- else -}}
  {{- range splitList "." (first $parts) -}}{{- $bits = printf "%s%08b" $bits (atoi .) -}}{{- end -}}
  {{- printf "4:%s" (trunc (last $parts | atoi) $bits) -}}
{{- end -}}
{{- end -}}

{{- /* (list cidr networks): those of the networks that lie in the cidr and are smaller, as JSON. */ -}}
{{- define "gradients.networksIn" -}}
{{- $outer := include "gradients.prefixBits" (index . 0) -}}
{{- $found := list -}}
{{- range index . 1 -}}
  {{- $inner := include "gradients.prefixBits" . -}}
  {{- if and (hasPrefix $outer $inner) (ne $outer $inner) -}}{{- $found = append $found . -}}{{- end -}}
{{- end -}}
{{- $found | uniq | toJson -}}
{{- end -}}
