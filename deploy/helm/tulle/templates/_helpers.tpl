{{- /* Labels of every object; argument: (list . component). */ -}}
{{- define "tulle.labels" -}}
{{ include "tulle.selector" . }}
app.kubernetes.io/part-of: tulle
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "tulle.selector" -}}
app.kubernetes.io/name: tulle
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* An image by digest or tag; argument: (list . "tulle"). */ -}}
{{- define "tulle.image" -}}
{{- $top := index . 0 }}{{ $image := index $top.Values.images (index . 1) -}}
{{- if $image.digest }}{{ printf "%s@%s" $image.repository $image.digest }}
{{- else }}{{ printf "%s:%s" $image.repository (default $top.Chart.AppVersion $image.tag) }}{{ end -}}
{{- end }}

{{- define "tulle.service" -}}
{{ printf "tulle-controller.%s.svc" .Release.Namespace }}
{{- end }}

{{- /* Environment variables that all parts share. */ -}}
{{- define "tulle.env" -}}
- {name: TULLE_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: TULLE_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: TULLE_TRUST_DOMAIN, value: {{ .Values.trustDomain | quote }}}
- {name: TULLE_LOG_LEVEL, value: {{ .Values.log.level | quote }}}
- {name: TULLE_LOG_FORMAT, value: {{ .Values.log.format | quote }}}
{{- end }}

{{- /* What the pods of a part have in common; argument: (list . "controller"). */ -}}
{{- define "tulle.scheduling" -}}
{{- $top := index . 0 }}{{ $part := index $top.Values (index . 1) -}}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $top.Values.images.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
