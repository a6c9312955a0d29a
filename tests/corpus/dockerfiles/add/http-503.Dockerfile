FROM BASE
ADD http://FAULTS/503/file.tgz /
