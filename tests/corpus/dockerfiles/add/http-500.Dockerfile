FROM BASE
ADD http://FAULTS/500/file.tgz /
