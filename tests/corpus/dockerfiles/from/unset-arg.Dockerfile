ARG TAG
FROM REGISTRY/base/busybox:${TAG}
