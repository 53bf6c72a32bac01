# As far as the suites need it, what the official image of DynamoDB Local does.
FROM velostream-test/base:latest
RUN useradd --create-home --home-dir /home/dynamodblocal dynamodblocal
WORKDIR /home/dynamodblocal
COPY dynamodb-libs DynamoDBLocal_lib
RUN mv DynamoDBLocal_lib/DynamoDBLocal-*.jar DynamoDBLocal.jar && chown -R dynamodblocal .
USER dynamodblocal
EXPOSE 8000
ENTRYPOINT ["java"]
CMD ["-Djava.library.path=./DynamoDBLocal_lib", "-cp", "DynamoDBLocal.jar:DynamoDBLocal_lib/*", "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory"]
