FROM BASE
image: busybox
