//! Why a report is not taken. Codes are promises: shops' programs and our metrics read them.

use hyper::StatusCode;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident $status:ident $code:literal $message:literal,)*) => {
        /// A reason, with its code, its HTTP status and one sentence for people.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Refusal { $($(#[$doc])* $variant,)* }

        impl Refusal {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Stable.
            pub(crate) const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            pub(crate) const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

refusals! {
    /// No catalog has been read yet.
    NoCatalog SERVICE_UNAVAILABLE "no_catalog" "the catalog is not loaded yet; send again later",
    /// The disk refused.
    NotRecorded SERVICE_UNAVAILABLE "not_recorded" "the report could not be recorded; send again later",
    /// Above [`super::BODY_BYTES_MAX`].
    BodyTooLarge PAYLOAD_TOO_LARGE "body_too_large" "the body is longer than 256 KiB",
    /// It did not arrive whole, or in time.
    BodyIncomplete BAD_REQUEST "body_incomplete" "the body did not arrive whole",
    /// Compressed, or neither a form nor JSON.
    ContentType UNSUPPORTED_MEDIA_TYPE "content_type_unsupported" "send application/x-www-form-urlencoded or application/json, not compressed",
    /// Not JSON.
    Json BAD_REQUEST "json_invalid" "the body is not JSON",
    /// Nested more deeply than [`super::json::DEPTH_MAX`].
    JsonTooDeep BAD_REQUEST "json_too_deep" "the JSON is nested more than 32 deep",
    /// One object has one name twice: which one counts would be a guess.
    JsonDuplicateKey BAD_REQUEST "json_duplicate_key" "an object of the JSON has the same name twice",
    /// Not an object, or an object where a text belongs.
    JsonShape UNPROCESSABLE_ENTITY "json_shape" "the JSON is not the object this endpoint reads",
    /// Not UTF-8.
    NotUtf8 BAD_REQUEST "not_utf8" "the body is not UTF-8",
    /// Above [`super::BATCH_LINES_MAX`].
    TooManyLines PAYLOAD_TOO_LARGE "too_many_lines" "a batch has at most 1000 lines",
    /// No reports in it.
    EmptyBatch BAD_REQUEST "empty_batch" "the batch has no lines",
    /// The advertiser is named neither by token nor otherwise.
    AdvertiserMissing BAD_REQUEST "advertiser_missing" "name the advertiser by token, advertiser, offer_id or a click id of ours",
    /// No such advertiser.
    AdvertiserUnknown NOT_FOUND "advertiser_unknown" "there is no such advertiser",
    /// It does not take part now.
    AdvertiserInactive FORBIDDEN "advertiser_inactive" "the advertiser does not take part now",
    /// No such offer.
    OfferUnknown UNPROCESSABLE_ENTITY "offer_unknown" "there is no such offer",
    /// The advertiser asks for a token.
    TokenMissing UNAUTHORIZED "token_missing" "send the advertiser's token as token, X-Api-Key or Bearer",
    /// Nobody's, or another advertiser's.
    TokenWrong UNAUTHORIZED "token_wrong" "the token is not one of the advertiser's",
    /// Missing or wrong, by the scheme's exact rule.
    Signature UNAUTHORIZED "signature_wrong" "the signature does not fit the body",
    /// Nothing tells the order from another.
    OrderIdMissing UNPROCESSABLE_ENTITY "order_id_missing" "send order_id, or what the advertiser's rule derives it from",
    /// A macro or a template's word.
    OrderIdUnfilled UNPROCESSABLE_ENTITY "order_id_unfilled" "order_id is a macro or a word of a template that was not filled in",
    /// Above [`events::OrderKey::ORDER_BYTES_MAX`].
    OrderIdTooLong UNPROCESSABLE_ENTITY "order_id_too_long" "order_id is longer than 128 bytes",
    /// A control character in an id.
    OrderIdCharacters UNPROCESSABLE_ENTITY "order_id_characters" "order_id has control characters",
    /// Not a decimal number.
    AmountInvalid UNPROCESSABLE_ENTITY "amount_invalid" "the amount is not a decimal number",
    /// More decimals than the currency has.
    AmountDecimals UNPROCESSABLE_ENTITY "amount_decimals" "the amount has more decimals than its currency",
    /// Above [`units::Money::MINOR_MAX`].
    AmountTooLarge UNPROCESSABLE_ENTITY "amount_too_large" "the amount is too large",
    /// Not in ISO 4217.
    CurrencyUnknown UNPROCESSABLE_ENTITY "currency_unknown" "the currency is not an ISO 4217 code",
    /// Not a time.
    TimeInvalid UNPROCESSABLE_ENTITY "time_invalid" "the time is neither ISO 8601 nor a Unix time",
    /// Before the year 2000: a clock that was never set.
    TimeOutOfRange UNPROCESSABLE_ENTITY "time_out_of_range" "the time is before the year 2000",
    /// No word or number we know.
    StatusUnknown UNPROCESSABLE_ENTITY "status_unknown" "the status is none of pending, approved, rejected, refunded, chargeback and their aliases",
    /// Above its limit.
    ValueTooLong UNPROCESSABLE_ENTITY "value_too_long" "a value is longer than its limit",
    /// Missing, not a number, or further from now than [`super::signature::TOLERANCE_SECONDS`].
    Timestamp UNAUTHORIZED "timestamp_wrong" "webhook-timestamp is not a Unix time within 300 s of ours",
    /// Not a list of objects with a product and a price.
    ItemsInvalid UNPROCESSABLE_ENTITY "items_invalid" "items is a list of objects with sku, quantity and amount or price",
    /// Of a score: no list, an unknown code, or not in the order that a score has them in.
    Signals UNPROCESSABLE_ENTITY "signals_invalid" "signals is a list of at most 16 objects with code, partner, value and threshold, ascending by code and partner",
    /// Scores without a token, from another machine or by another name.
    NotFromHere FORBIDDEN "not_from_here" "scores are taken from this machine by its address, or from elsewhere by edge.scores_token",
    /// Not JSON lines.
    LinesWanted UNSUPPORTED_MEDIA_TYPE "lines_wanted" "send application/x-ndjson: one JSON object a line",
    /// Anybody can send a pixel, so it takes nothing away from an order.
    PixelToken UNAUTHORIZED "pixel_token_missing" "a pixel refunds or rejects only with the advertiser's token",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_are_frozen() {
        let lines = Refusal::ALL.iter().map(|it| format!("{} {}\n", it.status().as_u16(), it.code()));
        let frozen = [
            include_str!("../../tests/golden/refusals_v1.txt"),
            include_str!("../../tests/golden/refusals_v1_later.txt"),
            include_str!("../../tests/golden/refusals_v2.txt"),
        ];
        assert_eq!(lines.collect::<String>(), frozen.concat());
    }
}
