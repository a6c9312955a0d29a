FROM BASE busybox
