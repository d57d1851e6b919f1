# docker build -t counterweight . && docker run --rm -v "$PWD/results:/results" counterweight
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /counterweight
COPY . .
# The build of torch in requirements.lock; --build-arg TORCH=cpu takes a smaller one without CUDA.
ARG TORCH=
RUN make setup TORCH=$TORCH
ENV PATH=/counterweight/.venv/bin:$PATH
CMD ["sh", "-c", "make repro && cp -r metrics /results/"]
