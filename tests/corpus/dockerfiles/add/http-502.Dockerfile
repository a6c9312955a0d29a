FROM BASE
ADD http://FAULTS/502/file.tgz /
