# A worker's image for AWS Lambda: the same image, and beside it the adapter that turns invocations into HTTP.
#
#     docker build -f deploy/aws/lambda.Dockerfile --build-arg IMAGE=huntaze/alerts:VERSION -t …/huntaze-alerts:VERSION .
ARG IMAGE
FROM public.ecr.aws/awsguru/aws-lambda-adapter:0.9.1 AS adapter
FROM ${IMAGE}
COPY --from=adapter /lambda-adapter /opt/extensions/lambda-adapter
ENV AWS_LWA_PORT=8000 AWS_LWA_READINESS_CHECK_PATH=/healthz
