#include "common/wire/sns.h"

#include <catch2/catch.hpp>

#include "common/wire/json.h"

namespace heal {
namespace {

constexpr std::string_view kConfirmation =
    R"({"Type":"SubscriptionConfirmation","MessageId":"m-1","Token":"t0k3n",
 "TopicArn":"arn:aws:sns:eu-test-1:000000000000:heal","Message":"please confirm",
 "SubscribeURL":"https://sns.eu-test-1.amazonaws.com/?Action=ConfirmSubscription&Token=t0k3n",
 "Timestamp":"2030-01-02T03:04:05.000Z","SignatureVersion":"2","Signature":"AAAA",
 "SigningCertURL":"https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-test.pem"})";

constexpr std::string_view kSnsNotification =
    R"({"Type":"Notification","MessageId":"m-2","TopicArn":"arn:aws:sns:eu-test-1:000000000000:heal","Subject":"ecs",
 "Message":"{\"a\":1}","Timestamp":"2030-01-02T03:05:05.000Z","SignatureVersion":"2","Signature":"AAAA",
 "SigningCertURL":"https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-test.pem",
 "UnsubscribeURL":"https://sns.eu-test-1.amazonaws.com/?Action=Unsubscribe"})";

TEST_CASE("a notification and what is signed of it, its subject only when it is there") {
  auto message = parse_sns(kSnsNotification);
  REQUIRE(message.has_value());
  SnsMessage expected;
  expected.message_id = "m-2";
  expected.topic_arn = "arn:aws:sns:eu-test-1:000000000000:heal";
  expected.message = "{\"a\":1}";
  expected.subject = "ecs";
  expected.timestamp_text = "2030-01-02T03:05:05.000Z";
  expected.timestamp = parse_rfc3339("2030-01-02T03:05:05Z").value().value();
  expected.signature_version = "2";
  expected.signature = "AAAA";
  expected.signing_cert_url = "https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-test.pem";
  CHECK(*message == expected);
  CHECK(sns_signed_text(*message) ==
        "Message\n{\"a\":1}\nMessageId\nm-2\nSubject\necs\nTimestamp\n2030-01-02T03:05:05.000Z\n"
        "TopicArn\narn:aws:sns:eu-test-1:000000000000:heal\nType\nNotification\n");
  message->subject.reset();
  CHECK(sns_signed_text(*message).find("Subject") == std::string::npos);
}

TEST_CASE("a confirmation and what is signed of it") {
  const auto message = parse_sns(kConfirmation);
  REQUIRE(message.has_value());
  CHECK(message->type == SnsMessage::Type::kSubscriptionConfirmation);
  CHECK(sns_signed_text(*message) ==
        "Message\nplease confirm\nMessageId\nm-1\nSubscribeURL\n"
        "https://sns.eu-test-1.amazonaws.com/?Action=ConfirmSubscription&Token=t0k3n\n"
        "Timestamp\n2030-01-02T03:04:05.000Z\nToken\nt0k3n\nTopicArn\n"
        "arn:aws:sns:eu-test-1:000000000000:heal\nType\nSubscriptionConfirmation\n");
}

TEST_CASE("a body that is no message of SNS is refused with its place") {
  CHECK(parse_sns(R"({"detail-type":"x"})").error().str() == "/Type: expected a string, got nothing");
  CHECK(parse_sns(R"({"Type":"Other"})").error().str() ==
        R"(/Type: expected "Notification", "SubscriptionConfirmation" or "UnsubscribeConfirmation", got "Other")");
  Json body = parse_json(kConfirmation).value();
  body.erase("Token");
  CHECK(parse_sns(dump(body)).error().str() == "/Token: expected a string, got nothing");
}

TEST_CASE("only regional hosts of SNS over https are hosts of SNS") {
  for (const char* url : {"https://sns.eu-test-1.amazonaws.com/a.pem", "https://sns.cn-north-1.amazonaws.com.cn/a.pem",
                          "https://sns.us-gov-west-1.amazonaws.com/?Action=x"}) {
    CAPTURE(url);
    CHECK(check_sns_url(url, "/U").has_value());
  }
  for (const char* url :
       {"http://sns.eu-test-1.amazonaws.com/a.pem", "https://sns.eu.amazonaws.com.evil.example/a.pem",
        "https://sns.eu-test-1.amazonaws.com@evil.example/a.pem", "https://sns.eu-test-1.amazonaws.com:444/a.pem",
        "https://user:pw@sns.eu-test-1.amazonaws.com/a.pem", "https://evil.example/sns.eu-test-1.amazonaws.com",
        "https://sns.a.b.amazonaws.com/a.pem", "https://sns.amazonaws.com/a.pem", "https://SNS.eu-1.amazonaws.com/",
        "https://sns.s3.amazonaws.com/a.pem", "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.s3-accelerate.amazonaws.com/a.pem", "https://sns.eu-test.amazonaws.com/a.pem",
        "https://evil.example\\@sns.eu-1.amazonaws.com/", "https://sns.eu-1.amazonaws.com\n.evil.example/", "",
        "https://"}) {
    CAPTURE(url);
    CHECK_FALSE(check_sns_url(url, "/U").has_value());
  }
  CHECK(check_sns_url("http://evil.example/", "/SigningCertURL").error().str() ==
        R"(/SigningCertURL: expected https://sns.REGION.amazonaws.com/…, got "http://evil.example/")");
}

TEST_CASE("a certificate comes from the topic's region, by the name that SNS gives it, or not at all") {
  SnsMessage message;
  message.topic_arn = "arn:aws:sns:eu-test-1:000000000000:heal";
  message.signing_cert_url = "https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-0123abcdef.pem";
  CHECK(check_signing_cert_url(message).has_value());
  for (const char* url : {"https://sns.eu-test-2.amazonaws.com/SimpleNotificationService-0123abcdef.pem",
                          "https://sns.eu-test-1.amazonaws.com/other.pem",
                          "https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-.pem",
                          "https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-a/b.pem",
                          "https://sns.eu-test-1.amazonaws.com/SimpleNotificationService-a.pem?b.pem",
                          "https://sns.s3.amazonaws.com/SimpleNotificationService-0123abcdef.pem"}) {
    CAPTURE(url);
    message.signing_cert_url = url;
    CHECK_FALSE(check_signing_cert_url(message).has_value());
  }
  message.topic_arn = "heal";
  CHECK(check_signing_cert_url(message).error().str() ==
        "/SigningCertURL: expected https://sns.REGION.amazonaws.com/SimpleNotificationService-….pem of the topic's "
        "region, got \"https://sns.s3.amazonaws.com/SimpleNotificationService-0123abcdef.pem\"");
}

}  // namespace
}  // namespace heal
