FROM BASE
ADD http://FAULTS/401/file.tgz /
