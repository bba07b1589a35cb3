# One stage, or all, in a container: docs/clusters.md. On a machine with an NVIDIA GPU, `--gpus`.
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /pkdn
COPY . .
# Versions as tested; PyTorch's on PyPI comes with CUDA.
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[faces,s3]' \
    && git config --system --add safe.directory '*'
ENV MLFLOW_DISABLE_TELEMETRY=true
CMD ["python", "-m", "pkdn", "repro"]
