FROM BASE
ADD http://FAULTS/cut/file.tgz /
