FROM BASE
RUN <<EOF
: a
not-a-command
EOF
