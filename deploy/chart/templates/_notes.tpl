{{/* What is left to do after an installation. A test renders it with `extraObjects`, since `helm template` prints no notes. */}}
{{- define "argo-buildkit.notes" -}}
{{- $argo := include "argo-buildkit.argoNamespace" . -}}
argo-buildkit {{ .Chart.AppVersion }} is in the namespaces {{ if .Values.buildkitd.enabled }}{{ .Values.buildkitd.namespace }}, {{ end }}{{ if .Values.cacheRegistry.enabled }}{{ .Values.cacheRegistry.namespace }}, {{ end }}{{ if .Values.agent.enabled }}{{ .Values.agent.namespace }}, {{ end }}{{ join ", " .Values.workflows.namespaces }}.
{{- if and (eq .Values.image.repository "ghcr.io/argo-buildkit/argo-buildkit") (not .Values.image.digest) }}

WARNING: the image {{ include "argo-buildkit.image" . }} is not published. Build yours (docs/image.md), and name it:
--set image.repository=REGISTRY/argo-buildkit --set image.tag=TAG
{{- end }}

What is left to do, from the root of the repository of argo-buildkit:
{{- if not .Values.certManager.enabled }}

Certificates. buildkitd waits for its own:

  scripts/certificates --daemon {{ .Values.buildkitd.namespace }}{{ range .Values.workflows.namespaces }} --clients {{ . }}{{ end }}{{ if .Values.agent.enabled }} --agent {{ .Values.agent.namespace }} --cache {{ .Values.cacheRegistry.namespace }}{{ end }}{{ if include "argo-buildkit.prefix" . }} --name {{ include "argo-buildkit.buildkitd.name" . }}.{{ .Values.buildkitd.namespace }}.svc{{ end }} | kubectl apply --server-side -f -
{{- end }}
{{- if .Values.buildkitd.enabled }}

buildkitd is ready when this ends:

  kubectl -n {{ .Values.buildkitd.namespace }} rollout status {{ ternary "statefulset" "deployment" .Values.buildkitd.pool.enabled }}/{{ include "argo-buildkit.buildkitd.name" . }} --timeout=5m
{{- end }}
{{- if .Values.agent.enabled }}

The shared agent is ready when this ends:

  kubectl -n {{ .Values.agent.namespace }} rollout status deployment/buildkit-agent --timeout=5m
{{- end }}

Settings of Argo's controller, unless Argo's chart has them (controller.extraEnv):

  kubectl -n {{ $argo }} patch deployment workflow-controller --patch-file deploy/components/argo-settings/controller.yaml
{{- if .Values.agent.enabled }}
  kubectl -n {{ $argo }} patch deployment workflow-controller --patch-file deploy/components/agent/controller.yaml
{{- end }}

Secrets, with the logins of your Git server and registry: docs/install.md. Templates of workflows, and the check:
{{ range .Values.workflows.namespaces }}
  kubectl -n {{ . }} apply --server-side -k workflow-templates
  argo-buildkit check --namespace {{ . }} --argo-namespace {{ $argo }}{{ if $.Values.agent.enabled }} --agent-namespace {{ $.Values.agent.namespace }}{{ end }}
{{- end }}
{{- end }}
