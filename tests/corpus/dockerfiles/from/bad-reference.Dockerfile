FROM REGISTRY/base/busybox:1:2
