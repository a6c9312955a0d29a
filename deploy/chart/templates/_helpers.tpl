{{/* The prefix of names: nothing, or `PREFIX-`. */}}
{{- define "argo-buildkit.prefix" -}}
{{- if .Values.fullnameOverride -}}
{{- printf "%s-" (.Values.fullnameOverride | trunc 40 | trimSuffix "-") -}}
{{- else if .Values.nameOverride -}}
{{- printf "%s-" (printf "%s-%s" .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-") -}}
{{- end -}}
{{- end }}

{{- define "argo-buildkit.buildkitd.name" -}}
{{ include "argo-buildkit.prefix" . }}buildkitd
{{- end }}

{{- define "argo-buildkit.cacheRegistry.name" -}}
{{ include "argo-buildkit.prefix" . }}cache-registry
{{- end }}

{{/* Labels of every object. Pods do not have them, so a new version of the chart alone restarts nothing. */}}
{{- define "argo-buildkit.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: argo-buildkit
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Namespaces and volumes outlive the release. */}}
{{- define "argo-buildkit.keep" -}}
{{- if .Values.keepData }}
annotations: {helm.sh/resource-policy: keep}
{{- end }}
{{- end }}

{{- define "argo-buildkit.argoNamespace" -}}
{{ .Values.argo.namespace | default .Release.Namespace }}
{{- end }}

{{/* The image of sidecars and agent. */}}
{{- define "argo-buildkit.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* BUILDKIT_HOST */}}
{{- define "argo-buildkit.buildkitHost" -}}
{{- if .Values.buildkitd.address -}}
{{ .Values.buildkitd.address }}
{{- else -}}
{{ ternary "dns:" "tcp://" .Values.buildkitd.pool.enabled }}{{ include "argo-buildkit.buildkitd.name" . }}.{{ .Values.buildkitd.namespace }}.svc:1234
{{- end -}}
{{- end }}

{{/* As steps name the cache registry. */}}
{{- define "argo-buildkit.cacheRegistry.host" -}}
{{ include "argo-buildkit.cacheRegistry.name" . }}.{{ .Values.cacheRegistry.namespace }}.svc:5000
{{- end }}

{{- define "argo-buildkit.imagePullSecrets" -}}
{{- with .Values.imagePullSecrets -}}
imagePullSecrets:
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where a component's pods run. The argument is the component's values. */}}
{{- define "argo-buildkit.placement" -}}
{{- $set := dict }}
{{- range $field, $value := pick . "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with $value }}{{ $_ := set $set $field . }}{{ end }}
{{- end }}
{{- with $set }}{{ toYaml . }}{{ end }}
{{- end }}

{{/* Everywhere, except link-local addresses and those of clouds' metadata services. Where pods ask NodeLocal DNSCache at 169.254.20.10, add a policy for it with `extraObjects`. */}}
{{- define "argo-buildkit.egress" -}}
- to:
  - namespaceSelector: {}
  - ipBlock:
      cidr: 0.0.0.0/0
      except: [169.254.0.0/16, 168.63.129.16/32, 100.100.100.200/32]
  - ipBlock:
      cidr: "::/0"
      except: ["fe80::/10", "fd00:ec2::23/128", "fd00:ec2::254/128", "fd20:ce::254/128"]
{{- end }}

{{/* The agent's pods, as a peer of a NetworkPolicy. */}}
{{- define "argo-buildkit.agentPeer" -}}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ .Values.agent.namespace }}}
  podSelector:
    matchLabels: {app.kubernetes.io/name: buildkit-agent}
{{- end }}

{{/* All pods of the namespaces of workflows, since a workflow gives its pods what labels it likes. */}}
{{- define "argo-buildkit.workflowPeers" -}}
{{- range .Values.workflows.namespaces }}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ . }}}
{{- end }}
{{- end }}

{{/* The objects of a file of files/, with the chart's labels. Arguments: the root, and the file. */}}
{{- define "argo-buildkit.objectsOf" -}}
{{- $labels := include "argo-buildkit.labels" .root | fromYaml }}
{{- range .root.Files.Get .file | splitList "\n---\n" }}
{{- $object := fromYaml . }}
{{- $_ := set $object.metadata "labels" (merge ($object.metadata.labels | default dict) $labels) }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}

{{/* Metadata of an object. Arguments: root, name, namespace (none for the cluster's), component: the value of app.kubernetes.io/name, labels. */}}
{{- define "argo-buildkit.metadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- with .component }}
  app.kubernetes.io/name: {{ . }}
  {{- end }}
  {{- include "argo-buildkit.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A RoleBinding's role and account. Arguments: kind, role, account, namespace of the account. */}}
{{- define "argo-buildkit.binding" -}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ .kind }}, name: {{ .role }}}
subjects:
- {kind: ServiceAccount, name: {{ .account }}, namespace: {{ .namespace }}}
{{- end }}

{{/* "true" where no agent pod of Argo runs in the namespaces of workflows, and they have the label that says so. */}}
{{- define "argo-buildkit.sharedNamespaces" -}}
{{- if and .Values.agent.enabled (or .Values.agent.gate (not .Values.agent.allNamespaces)) }}true{{ end }}
{{- end }}

{{/* What a volume asks for. The argument is the component's `persistence`. */}}
{{- define "argo-buildkit.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests: {storage: {{ .size }}}
{{- end }}

{{/* The value of a variable. Helm may read a number of a file as 8.388608e+06, so toJson writes it. */}}
{{- define "argo-buildkit.setting" -}}
{{ ternary . (toJson .) (kindIs "string" .) | quote }}
{{- end }}
