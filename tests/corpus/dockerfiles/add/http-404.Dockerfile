FROM BASE
ADD http://FAULTS/404/file.tgz /
