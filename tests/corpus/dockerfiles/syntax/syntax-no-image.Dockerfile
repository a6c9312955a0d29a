# syntax=REGISTRY/base/frontend:none
FROM BASE
