FROM BASE
COPY secrets/registry-secret.json /
