FROM scratch
COPY --from=BASE /bin/busybox /
