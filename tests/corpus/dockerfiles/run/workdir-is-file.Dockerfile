FROM BASE
WORKDIR /bin/busybox
RUN true
