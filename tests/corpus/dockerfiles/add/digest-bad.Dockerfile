FROM BASE
ADD --checksum=sha256:12 http://FAULTS/200/file.tgz /
