FROM BASE
ADD http://FAULTS/429/file.tgz /
