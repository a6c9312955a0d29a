ARG V
FROM REGISTRY/base/busybox:${V:?name the version}
