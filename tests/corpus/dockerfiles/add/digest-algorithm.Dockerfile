FROM BASE
ADD --checksum=md5:12 http://FAULTS/200/file.tgz /
