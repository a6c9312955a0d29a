FROM BASE
ENV A=1 \
  # comment
  B=2
