FROM REGISTRY/base/busybox@sha256:12
