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
{{- $image := (index . 0).Values.image }}{{ $name := printf "%s/%s" $image.registry (index . 1) -}}
{{- with index $image.digests (index . 1) }}{{ printf "%s@%s" $name . }}
{{- else }}{{ printf "%s:%s" $name $image.tag }}{{ end -}}
{{- end }}

{{- define "tulle.service" -}}
{{ printf "tulle-controller.%s.svc" .Release.Namespace }}
{{- end }}

{{- /* Environment variables, in groups: each part gets those that it reads. */ -}}
{{- define "tulle.env.pod" -}}
- {name: TULLE_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- end }}

{{- define "tulle.env.mesh" -}}
- {name: TULLE_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: TULLE_TRUST_DOMAIN, value: {{ .Values.trustDomain | quote }}}
{{- end }}

{{- /* Where the API server is, for a pod that talks to it where its Service may not work yet. */ -}}
{{- define "tulle.env.api" -}}
{{- with .Values.kubeApiServer.host }}
- {name: KUBERNETES_SERVICE_HOST, value: {{ . | quote }}}
- {name: KUBERNETES_SERVICE_PORT, value: {{ $.Values.kubeApiServer.port | quote }}}
{{- end }}
{{- end }}

{{- define "tulle.env.log" -}}
- {name: TULLE_LOG_LEVEL, value: {{ .Values.log.level | quote }}}
- {name: TULLE_LOG_FORMAT, value: {{ .Values.log.format | quote }}}
{{- end }}

{{- /* What the pods of a part have in common; argument: (list . "controller"). */ -}}
{{- define "tulle.scheduling" -}}
{{- $top := index . 0 }}{{ $part := index $top.Values (index . 1) -}}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $top.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
