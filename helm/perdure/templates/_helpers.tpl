{{- define "perdure.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) -}}
{{ $full | trunc 45 | trimSuffix "-" }}
{{- end }}

{{- /* Takes (dict "root" $ "component" "runner"). */ -}}
{{- define "perdure.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "perdure.labels" -}}
{{ include "perdure.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- /* The roles: what `perdure serve` calls them, and what values.yaml does. */ -}}
{{- define "perdure.roles" -}}
{{- if eq .Values.mode "roles" -}}
[{"name":"event-api","key":"eventApi"},{"name":"runner","key":"runner"},{"name":"executor","key":"executor"},{"name":"api","key":"api"}]
{{- else -}}
[]
{{- end -}}
{{- end }}

{{- define "perdure.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- define "perdure.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "perdure.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "perdure.secretName" -}}
{{ .Values.inngest.existingSecret | default (include "perdure.fullname" .) }}
{{- end }}

{{- /*
Where the address of a service comes from, as JSON {secret, key}, or {} when there is none.
Takes (dict "root" $ "name" "postgres" "bundled" "postgresql").
*/ -}}
{{- define "perdure.uriSource" -}}
{{- $own := index .root.Values.inngest .name -}}
{{- $bundled := index .root.Values .bundled -}}
{{- if $own.existingSecretKey -}}
{{ dict "secret" (include "perdure.secretName" .root) "key" $own.existingSecretKey | toJson }}
{{- else if $own.uri -}}
{{ dict "secret" (printf "%s-services" (include "perdure.fullname" .root)) "key" (printf "%s-uri" .name) | toJson }}
{{- else if $bundled.enabled -}}
{{ dict "secret" (include (printf "%s.fullname" .bundled) .root) "key" (printf "%s-uri" .name) "bundled" true | toJson }}
{{- else -}}
{}
{{- end -}}
{{- end }}

{{- define "perdure.postgresSource" -}}
{{ include "perdure.uriSource" (dict "root" . "name" "postgres" "bundled" "postgresql") }}
{{- end }}

{{- /* hook or initContainer; nothing without Postgres. */ -}}
{{- define "perdure.migrations" -}}
{{- $postgres := include "perdure.postgresSource" . | fromJson -}}
{{- if $postgres -}}
{{- if ne .Values.migrations.mode "auto" -}}
{{ .Values.migrations.mode }}
{{- else -}}
{{ ternary "initContainer" "hook" (hasKey $postgres "bundled") }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "perdure.postgresEnv" -}}
{{- with include "perdure.postgresSource" . | fromJson }}
- name: PERDURE_POSTGRES_URI
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ .key }} }
{{- end }}
{{- end }}

{{- /* Variables of every process, besides those of the ConfigMap. */ -}}
{{- define "perdure.env" -}}
{{- $root := . -}}
{{- range $name := list "INNGEST_EVENT_KEY" "INNGEST_SIGNING_KEY" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: { name: {{ include "perdure.secretName" $root }}, key: {{ $name }} }
{{- end }}
{{- include "perdure.postgresEnv" . }}
{{- range $service := list "redis" "nats" }}
{{- with include "perdure.uriSource" (dict "root" $root "name" $service "bundled" $service) | fromJson }}
- name: PERDURE_{{ upper $service }}_URI
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ .key }} }
{{- end }}
{{- end }}
{{- with .Values.perdure.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The pod of a process; takes (dict "root" $ "component" "runner" "args" (list ...) "resources" ... "extraEnv" ...). */ -}}
{{- define "perdure.pod" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $pod := . -}}
serviceAccountName: {{ include "perdure.serviceAccountName" $root }}
automountServiceAccountToken: false
enableServiceLinks: false
# The drain, the pause before it, and time to close.
terminationGracePeriodSeconds: {{ add $values.perdure.drainSeconds 20 }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- toYaml $values.podSecurityContext | nindent 2 }}
{{- if eq (include "perdure.migrations" $root) "initContainer" }}
initContainers:
  # Every pod does it, one after the other, and all but the first find nothing to do. It fails until the database is there.
  - name: migrate
    image: {{ include "perdure.image" $root | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args: [perdure, migrate]
    env:
      {{- include "perdure.postgresEnv" $root | trim | nindent 6 }}
    resources:
      {{- toYaml (.resources | default $values.resources) | nindent 6 }}
    securityContext:
      {{- toYaml $values.securityContext | nindent 6 }}
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
      - { name: data, mountPath: /data }
{{- end }}
containers:
  - name: perdure
    image: {{ include "perdure.image" $root | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    # Arguments: the entry point of the image reaps orphans.
    args: {{ toJson .args }}
    envFrom:
      - configMapRef: { name: {{ include "perdure.fullname" $root }} }
    env:
      {{- include "perdure.env" $root | trim | nindent 6 }}
      {{- with .extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      - { name: http, containerPort: {{ $values.inngest.port }} }
      {{- if $values.metrics.enabled }}
      - { name: metrics, containerPort: {{ $values.metrics.port }} }
      {{- end }}
    startupProbe:
      httpGet: { path: /health, port: http }
      {{- toYaml $values.startupProbe | nindent 6 }}
    livenessProbe:
      httpGet: { path: /health, port: http }
      {{- toYaml $values.livenessProbe | nindent 6 }}
    readinessProbe:
      httpGet: { path: /ready, port: http }
      {{- toYaml $values.readinessProbe | nindent 6 }}
    {{- if ne .component "executor" }}
    lifecycle:
      # Others hear of the end of an endpoint a little later than the pod does.
      preStop:
        exec:
          command: [sleep, '5']
    {{- end }}
    resources:
      {{- toYaml (.resources | default $values.resources) | nindent 6 }}
    securityContext:
      {{- toYaml $values.securityContext | nindent 6 }}
    volumeMounts:
      - { name: tmp, mountPath: /tmp }
      - { name: data, mountPath: /data }
      {{- with $values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if kindIs "invalid" $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "perdure.selector" $pod | nindent 8 }}
  {{- end }}
{{- else }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
volumes:
  - { name: tmp, emptyDir: {} }
  {{- if .volumes }}
  {{- toYaml .volumes | nindent 2 }}
  {{- else if not .hasClaim }}
  - { name: data, emptyDir: {} }
  {{- end }}
  {{- with $values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- /* Labels and annotations of that pod. */ -}}
{{- define "perdure.podMetadata" -}}
labels:
  {{- include "perdure.labels" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # A changed configuration starts new pods. Secrets count as they were given: what was made up never changes.
  checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
  checksum/secrets: {{ toYaml .root.Values.inngest | sha256sum }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
