FROM BASE
RUN <<EOF
echo a
not-a-command
EOF
