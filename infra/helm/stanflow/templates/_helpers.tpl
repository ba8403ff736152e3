{{- define "stanflow.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "stanflow.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "stanflow.labels" -}}
{{ include "stanflow.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: stanflow
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* metadata of a component's object: {root, name} */}}
{{- define "stanflow.metadata" -}}
name: {{ include "stanflow.fullname" .root }}-{{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "stanflow.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{/* {root, name} */}}
{{- define "stanflow.matchLabels" -}}
{{ include "stanflow.selector" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{- define "stanflow.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}{{ default (include "stanflow.fullname" .) .Values.serviceAccount.name }}
{{- else -}}{{ required "serviceAccount.name is needed where serviceAccount.create is not" .Values.serviceAccount.name }}{{- end -}}
{{- end -}}

{{/* {root, gpu} */}}
{{- define "stanflow.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := required "image.repository is needed: where you pushed the image, such as registry.example.org/stanflow" $image.repository -}}
{{- $tag := default .root.Chart.AppVersion $image.tag -}}
{{- $digest := $image.digest -}}
{{- if .gpu -}}
{{- $repository = default $repository $image.cuda.repository -}}
{{- $tag = default (printf "%s-cuda" $tag) $image.cuda.tag -}}
{{- $digest = $image.cuda.digest -}}
{{- end -}}
{{- if $digest -}}{{ $repository }}@{{ $digest }}{{- else -}}{{ $repository }}:{{ $tag }}{{- end -}}
{{- end -}}

{{/* What all components read with --config. */}}
{{- define "stanflow.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.kafka.tls.existingSecret -}}
{{- $_ := set $config "tls" true -}}
{{- $_ := set $config "tls-ca" "/etc/stanflow/kafka-tls/ca.crt" -}}
{{- if .Values.kafka.tls.clientCertificate -}}
{{- $_ := set $config "tls-cert" "/etc/stanflow/kafka-tls/tls.crt" -}}
{{- $_ := set $config "tls-key" "/etc/stanflow/kafka-tls/tls.key" -}}
{{- end -}}
{{- end -}}
{{- with .Values.s3.region -}}{{- $_ := set $config "s3-region" . -}}{{- end -}}
{{- with .Values.s3.endpoint -}}{{- $_ := set $config "s3-endpoint" . -}}{{- end -}}
{{ toYaml $config }}
{{- end -}}

{{- define "stanflow.prefix" -}}{{ default "stanflow." .Values.config.prefix }}{{- end -}}

{{/* Environment of every container: {root, values} */}}
{{- define "stanflow.env" -}}
{{- $v := .root.Values -}}
# For commands that are run in the pod by hand.
- { name: STANFLOW_CONFIG, value: /etc/stanflow/config/stanflow.yaml }
- { name: STANFLOW_LOG_LEVEL, value: {{ $v.logLevel | quote }} }
{{- with $v.otlpEndpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with $v.kafka.existingSecret }}
- name: STANFLOW_SASL_USERNAME
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $v.kafka.usernameKey }} } }
- name: STANFLOW_SASL_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $v.kafka.passwordKey }} } }
{{- end }}
{{- with $v.registry.existingSecret }}
- name: STANFLOW_REGISTRY
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $v.registry.key }} } }
{{- end }}
{{- with $v.s3.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $v.s3.accessKeyIdKey }} } }
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $v.s3.secretAccessKeyKey }} } }
{{- end }}
{{- range .values.secretEnv }}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
{{- end }}
{{- end -}}

{{- define "stanflow.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurity.runAsUser }}
runAsGroup: {{ .Values.podSecurity.runAsGroup }}
fsGroup: {{ .Values.podSecurity.fsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "stanflow.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/*
A component's pods. {root, name, values, args, and where there are: env, volumes, mounts, files (content of a ConfigMap, for
the checksum), port (of a service), readyPath, once (true: a job, without probes)}
*/}}
{{- define "stanflow.podTemplate" -}}
{{- $root := .root -}}
{{- $v := $root.Values -}}
{{- $gpu := dig "gpu" "enabled" false .values -}}
{{- $args := .args -}}
{{- /* Cameras whose pictures are sent on are only decoded there. */ -}}
{{- if and $gpu (ne (default "" .values.mode) "split") -}}
{{- $args = concat $args (default (list) (fromYamlArray (include "stanflow.cuda" (dict "root" $root "values" .values)))) -}}
{{- end -}}
metadata:
  labels:
    {{- include "stanflow.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .name }}
  annotations:
    checksum/config: {{ printf "%s\n%s" (include "stanflow.config" $root) (default "" .files) | sha256sum }}
spec:
  serviceAccountName: {{ default (include "stanflow.serviceAccountName" $root) .serviceAccountName }}
  automountServiceAccountToken: false
  # A service's name must not become a setting: STANFLOW_PORT would be one.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
  {{- if .once }}
  restartPolicy: Never
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- if and $gpu $v.gpu.runtimeClassName }}
  runtimeClassName: {{ $v.gpu.runtimeClassName }}
  {{- end }}
  securityContext:
    {{- include "stanflow.podSecurityContext" $root | nindent 4 }}
  {{- with merge (dict) .values.nodeSelector (ternary $v.gpu.nodeSelector (dict) $gpu) }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat .values.tolerations (ternary $v.gpu.tolerations (list) $gpu) }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $v.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- $labels := include "stanflow.matchLabels" (dict "root" $root "name" .name) }}
    {{- range $v.topologySpread.topologyKeys }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- $labels | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .name }}
      image: {{ include "stanflow.image" (dict "root" $root "gpu" $gpu) | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args:
        {{- toYaml (concat $args .values.extraArgs) | nindent 8 }}
      env:
        {{- with .env }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- include "stanflow.env" (dict "root" $root "values" .values) | nindent 8 }}
      {{- if has "--listen=0.0.0.0:9464" $args }}
      ports:
        - { name: status, containerPort: 9464, protocol: TCP }
        {{- with .port }}
        - { name: http, containerPort: {{ . }}, protocol: TCP }
        {{- end }}
      {{- end }}
      {{- if not .once }}
      startupProbe:
        httpGet: { path: /healthz, port: status }
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: status }
        periodSeconds: 20
        timeoutSeconds: 10
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: {{ default "/readyz" .readyPath }}, port: status }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      {{- end }}
      resources:
        {{- $resources := deepCopy .values.resources }}
        {{- if $gpu }}
        {{- $limits := set (deepCopy (default (dict) $resources.limits)) $v.gpu.resource (toString .values.gpu.count) }}
        {{- $_ := set $resources "limits" $limits }}
        {{- end }}
        {{- toYaml $resources | nindent 8 }}
      securityContext:
        {{- include "stanflow.securityContext" $root | nindent 8 }}
      volumeMounts:
        - { name: config, mountPath: /etc/stanflow/config, readOnly: true }
        - { name: tmp, mountPath: /tmp }
        - { name: data, mountPath: /data }
        {{- if $v.kafka.tls.existingSecret }}
        - { name: kafka-tls, mountPath: /etc/stanflow/kafka-tls, readOnly: true }
        {{- end }}
        {{- if $v.models.existingClaim }}
        - { name: models, mountPath: /models, readOnly: true }
        {{- end }}
        {{- with .mounts }}
        {{- . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap: { name: {{ default (printf "%s-config" (include "stanflow.fullname" $root)) .configMap }} }
    - name: tmp
      emptyDir: { sizeLimit: {{ .values.tmpSize }} }
    - name: data
      emptyDir: { sizeLimit: {{ .values.tmpSize }} }
    {{- with $v.kafka.tls.existingSecret }}
    - name: kafka-tls
      secret: { secretName: {{ . }}, defaultMode: 0440 }
    {{- end }}
    {{- with $v.models.existingClaim }}
    - name: models
      persistentVolumeClaim: { claimName: {{ . }}, readOnly: true }
    {{- end }}
    {{- with .volumes }}
    {{- . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* What a component is told of a setting, by its extraArgs or by config: {root, values, name} */}}
{{- define "stanflow.told" -}}
{{- $told := default "" (get .root.Values.config .name) -}}
{{- $flag := printf "--%s=" .name -}}
{{- range .values.extraArgs -}}
{{- if hasPrefix $flag . -}}{{- $told = trimPrefix $flag . -}}{{- end -}}
{{- end -}}
{{ $told }}
{{- end -}}

{{/*
Flags of a component that computes on a graphics card: {root, values}. By itself stanflow would take TensorRT, which builds its
engines for minutes; what it built goes with the pod.
*/}}
{{- define "stanflow.cuda" -}}
{{- $device := include "stanflow.told" (merge (dict "name" "device") .) -}}
{{- if not $device -}}- --device=cuda{{- end -}}
{{- if and (not (include "stanflow.told" (merge (dict "name" "engine") .))) (has (default "cuda" $device) (list "cuda" "tensorrt")) }}
- --engine=onnx
{{- end -}}
{{- end -}}

{{/* {root, name} */}}
{{- define "stanflow.pdb" -}}
{{- if .root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "stanflow.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .root.Values.podDisruptionBudget.maxUnavailable }}
  # A pod that is broken anyway keeps no node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "stanflow.matchLabels" . | nindent 6 }}
{{- end }}
{{- end -}}
