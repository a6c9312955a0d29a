FROM REGISTRY/base/busybx:1
RUN true
