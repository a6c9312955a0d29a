FROM BASE
ADD http://FAULTS/410/file.tgz /
