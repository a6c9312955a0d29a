FROM REGISTRY/base/busybox:none
RUN true
