FROM BASE
ADD http://FAULTS/403/file.tgz /
