{{/* buildkitd.toml */}}
{{- define "argo-buildkit.buildkitd.config" -}}
{{- $shipped := .Files.Get "files/buildkitd.toml" | replace "cache-registry.buildkit-cache.svc:5000" (include "argo-buildkit.cacheRegistry.host" .) }}
{{- .Values.buildkitd.config | default $shipped }}
{{- end }}
