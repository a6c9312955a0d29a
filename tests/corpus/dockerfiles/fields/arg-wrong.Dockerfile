ARG V
FROM REGISTRY/base/busybox:${V}
ENV A=1
