-- What analysts read. Every view applies FINAL; money is exact. `{zone}`, `{scale}` and the like are filled in by `schema.rs`.
-- Every column has a comment for who reads it, and so a type, which is the one that the statement below gives it.

CREATE OR REPLACE VIEW clicks (
  at DateTime64(3, 'UTC') COMMENT 'When the click or view was, UTC, by the edge\'s clock. Filter by it: the table is sorted by it.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then.',
  click_id String COMMENT 'The signed id, as it is in links and postbacks.',
  kind LowCardinality(String) COMMENT 'click or view.',
  verdict LowCardinality(String) COMMENT 'valid, duplicate, bot, preview, prefetch or head: what we think of it.',
  verdict_version UInt32 COMMENT 'Of the rules that gave the verdict.',
  is_click UInt8 COMMENT '1 where it was sent on to the shop: bots and previews count, prefetch and HEAD do not.',
  is_valid UInt8 COMMENT '1 for a click of a person, repeats included.',
  is_unique UInt8 COMMENT '1 for one that is no repeat.',
  partner_id UInt32 COMMENT 'Whose link it was then.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'What it was for then.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'Which link.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  {sub_columns},
  source String COMMENT 'The partner\'s label of the traffic: the parameter source, as it came.',
  partner_click_id String COMMENT 'The partner\'s own name for the click, as it came.',
  utm_source String COMMENT 'tags, by name; empty if there is none.',
  utm_medium String COMMENT 'As utm_source.',
  utm_campaign String COMMENT 'As utm_source.',
  utm_term String COMMENT 'As utm_source.',
  utm_content String COMMENT 'As utm_source.',
  tags Map(String, String) COMMENT 'utm_ parameters and the click ids of ad systems (gclid, fbclid), by name, as they came.',
  visitor_id String COMMENT 'The browser, by our cookie, in 16 hex digits.',
  visitor_is_new Bool COMMENT 'It came without our cookie.',
  country LowCardinality(String) COMMENT 'Two letters by ISO 3166 as the proxy in front says; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  os LowCardinality(String) COMMENT 'windows, macos, ios, android, linux, chromeos or unknown.',
  browser LowCardinality(String) COMMENT 'chrome, safari, firefox, edge, opera, samsung, in_app or unknown.',
  gpc UInt8 COMMENT '1 with Global Privacy Control (Sec-GPC): no visitor is kept from click to click.',
  dnt UInt8 COMMENT '1 with Do Not Track.',
  ip_prefix String COMMENT 'The network: the first 24 bits (IPv4) or 48 (IPv6); empty if not kept.',
  ip_hash UInt64 COMMENT 'The address, hashed under a key that changes daily; 0 if there was none.',
  user_agent_hash UInt64 COMMENT 'The agent, hashed; 0 where there was none.',
  referrer_host String COMMENT 'The host the visitor came from; empty if the browser does not say.',
  landing LowCardinality(String) COMMENT 'Where it was sent: stored (the link\'s own), deep_link, or fallback and why: unsigned_deeplink, bad_sig, expired_sig, bad_url.',
  deep_link String COMMENT 'The address in the link, if there was one.',
  currency LowCardinality(String) COMMENT 'The offer\'s, so that clicks and revenue stand in one row of a rollup.',
  catalog_version UInt32 COMMENT 'Of the catalog that the edge answered by.',
  touch_id String COMMENT 'The same touch in 32 hex digits, as touches, credits and reports name it.',
  event_id String COMMENT 'The record\'s identity in hex: writer, incarnation, sequence.',
  writer UInt32 COMMENT 'Which edge\'s spool wrote it.',
  incarnation UInt32 COMMENT 'Which life of that spool.',
  sequence UInt64 COMMENT 'Its number in that life, without gaps.'
)
COMMENT 'One row per click or view, of any verdict; is_click counts among clicks, is_valid among clicks_valid, is_unique among clicks_unique. Filter by at.'
AS
SELECT
  at, quarter, click_id, kind, verdict, ver AS verdict_version,
  kind = 'click' AND verdict NOT IN ('prefetch', 'head') AS is_click,
  kind = 'click' AND verdict IN ('valid', 'duplicate') AS is_valid,
  kind = 'click' AND verdict = 'valid' AS is_unique,
  partner_id, {partner_name}, offer_id, {offer_name}, advertiser_id, {advertiser_name}, link_id, {link_code},
  {subs},
  source, partner_click_id,
  tags['utm_source'] AS utm_source, tags['utm_medium'] AS utm_medium, tags['utm_campaign'] AS utm_campaign,
  tags['utm_term'] AS utm_term, tags['utm_content'] AS utm_content, tags,
  lower(leftPad(hex(visitor_id), 16, '0')) AS visitor_id, visitor_is_new, country, device, os, browser,
  bitTest(consent, 0) = 1 AS gpc, bitTest(consent, 1) = 1 AS dnt,
  ip_prefix, ip_hash, user_agent_hash, referrer_host, landing, deep_link, currency, catalog_version,
  lower(hex(touch_id)) AS touch_id, lower(hex(event_id)) AS event_id, writer, incarnation, sequence
FROM clicks_log FINAL
SETTINGS {final};

CREATE OR REPLACE VIEW reports (
  received_at DateTime64(3, 'UTC') COMMENT 'When the edge had it, UTC.',
  reported_at Nullable(DateTime64(3, 'UTC')) COMMENT 'The time the shop gave, UTC; NULL if it gave none.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  channel LowCardinality(String) COMMENT 'postback, pixel, batch, shopify, woocommerce or standard.',
  event LowCardinality(String) COMMENT 'What was reported: sale, lead or a word of the shop\'s.',
  click_id String COMMENT 'The click id it named, if we signed it; empty otherwise.',
  refused_click String COMMENT 'What it named as click id and we did not sign.',
  refused_reason LowCardinality(String) COMMENT 'Why that was not believed.',
  visitor_id String COMMENT 'The browser that sent it (pixel), in 16 hex digits; empty for none.',
  customer_id String COMMENT 'The customer, hashed, in hex; empty for none.',
  email_id String COMMENT 'His address, hashed, in hex; empty for none.',
  coupon String COMMENT 'The first of coupons.',
  coupons Array(String) COMMENT 'All that were named, at most 4.',
  partner_id UInt32 COMMENT 'The partner it named; 0 for none.',
  partner_named String COMMENT 'What it called a partner and is nobody; empty if not.',
  self_partner_id UInt32 COMMENT 'The partner whose e-mail address the customer has, by the catalog of then, the lowest of several; 0 for none.',
  offer_id UInt32 COMMENT 'The offer it named; 0 for none.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  statement LowCardinality(String) COMMENT 'order or refund.',
  refund_id String COMMENT 'Which refund; one id counts once, by its latest report.',
  refund_kind LowCardinality(String) COMMENT 'refund or chargeback; empty for an order.',
  amount Nullable(Decimal(18, 4)) COMMENT 'Of the order before refunds, or of the refund, in whole units; NULL where it gave none: of a refund then the whole order.',
  amount_minor Int64 COMMENT 'The same in minor units; 0 where it gave none.',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  items String COMMENT 'Its lines as JSON: product, quantity, minor; empty for none.',
  status LowCardinality(String) COMMENT 'pending, approved or rejected, if it said one; else empty.',
  reason LowCardinality(String) COMMENT 'Why it is rejected, from a closed list; empty if not.',
  new_customer LowCardinality(String) COMMENT 'yes, no, or empty where it did not say.',
  checkout_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When checkout began, UTC; NULL if it did not say.',
  delivery String COMMENT 'The shop system\'s own id of the message.',
  catalog_version UInt32 COMMENT 'Of the catalog that the edge read it by.',
  event_id String COMMENT 'The record\'s identity in hex: writer, incarnation, sequence.',
  writer UInt32 COMMENT 'Which edge\'s spool wrote it.',
  incarnation UInt32 COMMENT 'Which life of that spool.',
  sequence UInt64 COMMENT 'Its number in that life, without gaps.',
  touch_id String COMMENT 'The touch that click_id names, in 32 hex digits, as clicks, touches and credits name it; empty without click_id.'
)
COMMENT 'One row per message of a shop about an order, as it came.'
AS
SELECT
  received_at, nullIf(reported_at, toDateTime64(0, 3, 'UTC')) AS reported_at, advertiser_id, {advertiser_name}, order_id,
  channel, event, click_id, refused_click, refused_reason,
  if(visitor_id = 0, '', lower(leftPad(hex(visitor_id), 16, '0'))) AS visitor_id, customer_id, email_id,
  coupon, coupons, partner_id, partner_named, self_partner_id, offer_id, {offer_name}, statement, refund_id, refund_kind, if(has_amount, {money amount_minor}, NULL) AS amount, amount_minor, currency, items, status, reason,
  new_customer, nullIf(checkout_at, toDateTime64(0, 3, 'UTC')) AS checkout_at, delivery, catalog_version, lower(hex(event_id)) AS event_id, writer, incarnation, sequence,
  {touch_of click_id} AS touch_id
FROM reports_log FINAL
SETTINGS {final};

CREATE OR REPLACE VIEW orders (
  at DateTime64(3, 'UTC') COMMENT 'When the order was, UTC, to the millisecond: by the shop or by us, whichever is earlier.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then. Filter by it: tables are sorted by it.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  event LowCardinality(String) COMMENT 'What was reported first of the order itself: sale, lead or a word of the shop\'s.',
  status LowCardinality(String) COMMENT 'pending, approved, rejected, partly_refunded, refunded or charged_back; is_approved says whether the shop approved what has gone back since.',
  partner_id UInt32 COMMENT 'Whose it is: of the greatest share, of equals the newest; 0 for nobody\'s.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'For what he is credited; 0 for none.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  amount Nullable(Decimal(18, 4)) COMMENT 'What the shop said it is worth, before refunds; NULL where no report gave an amount.',
  refunded Decimal(18, 4) COMMENT 'What went back, in whole units of currency; never more than the amount. Taken off revenue already.',
  revenue Decimal(18, 4) COMMENT 'Amount less refunds, in whole units of currency; 0 when rejected.',
  amount_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  revenue_minor Int64 COMMENT 'The same in minor units (cents).',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  matched LowCardinality(String) COMMENT 'How the credited touch was found: click_id, visitor, customer_visitor, exclusive_coupon, coupon, customer or partner; empty for nobody\'s.',
  unattributed LowCardinality(String) COMMENT 'Why it is nobody\'s: no_catalog, no_key, no_touch, none_eligible, unknown_coupon, unknown_partner; empty where it is somebody\'s.',
  report_count UInt32 COMMENT 'Distinct reports of it, at most 256.',
  time_source LowCardinality(String) COMMENT 'Which time at is: reported, received, or click where the shop\'s clock is behind.',
  first_received_at DateTime64(3, 'UTC') COMMENT 'When its first report reached us, UTC.',
  last_received_at DateTime64(3, 'UTC') COMMENT 'When its last one did.',
  payable_at DateTime64(3, 'UTC') COMMENT 'From when on it is payable: at and the hold of its offer.',
  catalog_version UInt32 COMMENT 'Of the catalog in force then; 0 for none.',
  trace String COMMENT 'Why, as JSON; tributary explain tells it in words.',
  ver UInt64 COMMENT 'Version of the row: the newest is the one to be seen.',
  model LowCardinality(String) COMMENT 'How it is shared: last, first, linear, position or time_decay; empty for nobody\'s.',
  path_touches UInt16 COMMENT 'Touches on the path, repeats left out; 0 where nobody is credited.',
  reporting Nullable(Decimal(18, 4)) COMMENT 'Revenue in the reporting currency; NULL without such a currency in the catalog of then, or without a rate.',
  reporting_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  reporting_currency LowCardinality(String) COMMENT 'Three letters; empty where reporting is NULL.',
  rate Nullable(Decimal(38, 12)) COMMENT 'Units of the reporting currency for one of currency, by the catalog of then; NULL where there is none.',
  hold LowCardinality(String) COMMENT 'Why credits are held back: rate_missing, refund_other_currency, fraud; empty if they are not. Shares and money stand.',
  reason LowCardinality(String) COMMENT 'Why it is rejected: cancelled, fraud, duplicate, test, unpaid, returned, out_of_terms, other or unsaid; empty if it is not.',
  is_approved Bool COMMENT 'The shop\'s latest word is that it stands, whatever went back since. On rows of builds before there was this column also false where something went back.',
  rule LowCardinality(String) COMMENT 'The key that decided: exclusive_coupon, click, coupon, customer, partner or view; empty for nobody\'s, and on rows of builds that did not say.'
)
COMMENT 'One row per order, as it is decided now. amount less refunded is revenue, 0 when rejected; an approved order stays so (is_approved) when money goes back; reporting is revenue in the reporting currency; trace says why the partner is who he is.'
AS
SELECT
  at, quarter, advertiser_id, {advertiser_name}, order_id, event, status, partner_id, {partner_name}, offer_id, {offer_name},
  if(has_amount, {money amount_minor}, NULL) AS amount, {money refunded_minor} AS refunded, {money revenue_minor} AS revenue,
  amount_minor, refunded_minor, revenue_minor, currency, matched, unattributed, report_count, time_source,
  first_received_at, last_received_at, payable_at, catalog_version, trace, ver,
  model, path_touches, {reporting}, hold, reason, is_approved, rule
FROM orders_log FINAL
WHERE NOT void
SETTINGS {final};

CREATE OR REPLACE VIEW credits (
  at DateTime64(3, 'UTC') COMMENT 'When the order was, UTC, to the millisecond: by the shop or by us, whichever is earlier.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then. Filter by it: tables are sorted by it.',
  touched_at DateTime64(3, 'UTC') COMMENT 'When that touch was, UTC.',
  age_ms Int64 COMMENT 'Milliseconds from the touch to the order; negative where it came after.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  partner_id UInt32 COMMENT 'The partner; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'Of his newest touch that counts.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'Of his newest touch that counts; 0 for a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Of that touch.',
  device LowCardinality(String) COMMENT 'Of that touch.',
  role LowCardinality(String) COMMENT 'closer, introducer, influencer or assist: what he did for the order, the first of these that fits.',
  status LowCardinality(String) COMMENT 'The order\'s: pending, approved, rejected, partly_refunded, refunded or charged_back.',
  share Decimal(18, 6) COMMENT 'His part of the order, 0 to 1; 0 for an assist. Of an order they add up to 1.',
  share_ppm UInt32 COMMENT 'The same in millionths.',
  revenue Decimal(18, 4) COMMENT 'His part of the order\'s revenue, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units (cents).',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  touch_id String COMMENT 'The touch in 32 hex digits: made of its click id, which the views clicks and reports show beside it. Begins with 12 zeros where it is a coupon, a customer or a partner named in a report.',
  ver UInt64 COMMENT 'Version of the row: the newest is the one to be seen.',
  reporting Nullable(Decimal(18, 4)) COMMENT 'His part of revenue in the reporting currency; NULL without such a currency in the catalog of then, or without a rate.',
  reporting_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  reporting_currency LowCardinality(String) COMMENT 'Three letters; empty where reporting is NULL.',
  rate Nullable(Decimal(38, 12)) COMMENT 'Units of the reporting currency for one of currency, by the catalog of then; NULL where there is none.',
  hold LowCardinality(String) COMMENT 'Why it is held back: rate_missing, refund_other_currency, fraud; empty if it is not. Share and money stand.',
  assists UInt8 COMMENT '1 where the partner did something for the order and has no share of it.',
  touches UInt32 COMMENT 'How many touches of his did something for the order.',
  is_approved Bool COMMENT 'The shop\'s latest word is that it stands, whatever went back since. On rows of builds before there was this column also false where something went back.',
  refunded Decimal(18, 4) COMMENT 'His part of what went back; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  rule LowCardinality(String) COMMENT 'The key by which he could earn (the newest touch\'s): exclusive_coupon, click, coupon, customer, partner or view; where share is above 0, the one that decided. Empty on rows of builds that did not say.'
)
COMMENT 'One row per order and partner who did something for it: his share of the order and of its revenue, 0 for assists. link, country, device, touch: of his newest touch that counts. What the order\'s newest row outdates is left out. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, {advertiser_name}, order_id,
  partner_id, {partner_name}, offer_id, {offer_name}, link_id, {link_code}, country, device, role, status,
  {ppm share_ppm} AS share, share_ppm, {money revenue_minor} AS revenue, revenue_minor, currency,
  lower(hex(touch_id)) AS touch_id, ver,
  {reporting}, hold, assists, touches,
  is_approved, {money refunded_minor} AS refunded, refunded_minor, {rule} AS rule
FROM (
  SELECT
    quarter, advertiser_id, order_id, partner_id, max(c.at) AS at, max(c.ver) AS ver,
    argMax(c.touched_at, newness) AS touched_at, argMax(c.touch_id, newness) AS touch_id, argMax(c.offer_id, newness) AS offer_id,
    argMax(c.link_id, newness) AS link_id, toLowCardinality(argMax(c.country, newness)) AS country,
    toLowCardinality(argMax(c.device, newness)) AS device,
    toLowCardinality(argMin(c.role, role_order)) AS role, toLowCardinality(argMax(c.status, newness)) AS status,
    toUInt32(sum(c.share_ppm)) AS share_ppm, sum(c.revenue_minor) AS revenue_minor, toLowCardinality(argMax(c.currency, newness)) AS currency,
    sum(c.reporting_minor) AS reporting_minor, toLowCardinality(argMax(c.reporting_currency, newness)) AS reporting_currency, argMax(c.rate_e12, newness) AS rate_e12,
    toLowCardinality(argMax(c.hold, newness)) AS hold, toUInt8(sum(c.assists)) AS assists, toUInt32(count()) AS touches,
    argMax(c.is_approved, newness) AS is_approved, sum(c.refunded_minor) AS refunded_minor,
    toLowCardinality(argMax(c.kind, newness)) AS kind, toLowCardinality(argMax(c.found, newness)) AS found
  FROM (
    SELECT *, (share_ppm > 0, touched_at, touch_id) AS newness,
      transform(role, ['closer', 'introducer', 'influencer'], [1, 2, 3], 4) AS role_order
    FROM ({credits_with_role})
  ) AS c
  GROUP BY quarter, advertiser_id, order_id, partner_id
)
SETTINGS {final};

CREATE OR REPLACE VIEW touches (
  at DateTime64(3, 'UTC') COMMENT 'When the order was, UTC, to the millisecond: by the shop or by us, whichever is earlier.',
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then. Filter by it: tables are sorted by it.',
  touched_at DateTime64(3, 'UTC') COMMENT 'When the touch was, UTC.',
  age_ms Int64 COMMENT 'Milliseconds from the touch to the order; negative where it came after.',
  advertiser_id UInt32 COMMENT 'Whose shop it is.',
  advertiser_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  order_id String COMMENT 'As the shop sent it. With advertiser_id it is one order, whatever is reported under it. Orders without an id have one that begins with ~.',
  partner_id UInt32 COMMENT 'The partner; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'The offer; 0 for none.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'The link; 0 where it was a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Two letters by ISO 3166 as the proxy in front says; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  kind LowCardinality(String) COMMENT 'click or view; empty on rows of builds that did not say.',
  found LowCardinality(String) COMMENT 'How it was found: click_id, visitor, customer_visitor, exclusive_coupon, coupon, customer or partner.',
  verdict LowCardinality(String) COMMENT 'What became of it: won, older, out_of_window and so on; tributary explain has the words.',
  role LowCardinality(String) COMMENT 'closer, introducer, influencer, assist or none.',
  status LowCardinality(String) COMMENT 'The order\'s: pending, approved, rejected, partly_refunded, refunded or charged_back.',
  share Decimal(18, 6) COMMENT 'Part of the order, 0 to 1; the shares of an order add up to 1.',
  share_ppm UInt32 COMMENT 'The same in millionths.',
  revenue Decimal(18, 4) COMMENT 'Its part of the order\'s revenue, in whole units of currency.',
  revenue_minor Int64 COMMENT 'The same in minor units (cents).',
  currency LowCardinality(String) COMMENT 'Three letters by ISO 4217: of the amounts in this row.',
  reporting Nullable(Decimal(18, 4)) COMMENT 'Its part of revenue in the reporting currency; NULL without such a currency in the catalog of then, or without a rate.',
  reporting_minor Int64 COMMENT 'The same in minor units; 0 where there is none.',
  reporting_currency LowCardinality(String) COMMENT 'Three letters; empty where reporting is NULL.',
  rate Nullable(Decimal(38, 12)) COMMENT 'Units of the reporting currency for one of currency, by the catalog of then; NULL where there is none.',
  hold LowCardinality(String) COMMENT 'Why credits are held back: rate_missing, refund_other_currency, fraud; empty if they are not. Shares and money stand.',
  assists UInt8 COMMENT '1 on one row of a partner who did something for the order and has no share of it.',
  touch_id String COMMENT 'The touch in 32 hex digits: made of its click id, which the views clicks and reports show beside it. Begins with 12 zeros where it is a coupon, a customer or a partner named in a report.',
  ver UInt64 COMMENT 'Version of the row: the newest is the one to be seen.',
  is_approved Bool COMMENT 'The shop\'s latest word is that it stands, whatever went back since. On rows of builds before there was this column also false where something went back.',
  refunded Decimal(18, 4) COMMENT 'Its part of what went back; taken off revenue already.',
  refunded_minor Int64 COMMENT 'The same in minor units.',
  rule LowCardinality(String) COMMENT 'The key by which it could earn: exclusive_coupon, click, coupon, customer, partner or view; where share is above 0, the one that decided. Empty on rows of builds that did not say.'
)
COMMENT 'One row per touch that was weighed for an order, credited or not: what became of it, what it did, how old it was. kind, found and verdict are empty on rows of builds that did not say. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, {advertiser_name}, order_id,
  partner_id, {partner_name}, offer_id, {offer_name}, link_id, {link_code}, country, device,
  kind, found, verdict, role, status,
  {ppm share_ppm} AS share, share_ppm, {money revenue_minor} AS revenue, revenue_minor, currency, {reporting}, hold, assists,
  lower(hex(touch_id)) AS touch_id, ver, is_approved, {money refunded_minor} AS refunded, refunded_minor, {rule} AS rule
FROM ({credits_at_home})
SETTINGS {final};

CREATE OR REPLACE VIEW quarantine (
  written_at DateTime('UTC') COMMENT 'When it was put here, UTC.',
  place String COMMENT 'Where it was read: log and position.',
  reason LowCardinality(String) COMMENT 'Why it was not understood or not stored, by code.',
  event_id String COMMENT 'The record\'s identity in hex; zeros where it could not be read.',
  bytes String COMMENT 'The record.',
  replayed_at Nullable(DateTime('UTC')) COMMENT 'When it was put where it belongs after all; NULL for never.'
)
COMMENT 'Records that could not be stored, with the reason and their bytes. replayed_at: when tributary quarantine replay put it where it belongs; NULL for never.'
AS
SELECT written_at, place, reason, lower(hex(event_id)) AS event_id, bytes, nullIf(replayed_at, toDateTime(0, 'UTC')) AS replayed_at
FROM quarantine_log FINAL;

CREATE OR REPLACE VIEW rollup_quarter (
  quarter DateTime('UTC') COMMENT 'The quarter of an hour, UTC, that begins then.',
  {dimension_columns},
  {quarter_measure_columns}
)
COMMENT 'Clicks and credited orders by quarter of an hour (UTC). clicks: sent on to the shop, bots and previews included. clicks_valid: by people. clicks_unique: without repeats. orders: credited, of any status, by share. orders_approved stay so when money goes back; what went back is refunded, and taken off revenue and revenue_approved. cr, epc: orders and revenue per valid click. aov: revenue per order. visitors: of the row, exact, not to be added up.'
AS
SELECT quarter, {dimensions}, {measures}
FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty)
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_hourly (
  hour DateTime('UTC') COMMENT 'The hour that begins then, of the program\'s zone.',
  {dimension_columns},
  {measure_columns}
)
COMMENT 'rollup_quarter by hour of the program. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT hour, {dimensions}, {measures}
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, '{zone}') AS hour, {keys}, {sums}, sum(visitors) AS visitors
  FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, {keys}
)
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_hourly_in
COMMENT 'rollup_hourly in any zone, with its columns: rollup_hourly_in(zone = \'Europe/Berlin\').'
AS
SELECT hour, {dimensions}, {measures}
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, {zone:String}) AS hour, {keys}, {sums}, sum(visitors) AS visitors
  FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, {keys}
)
SETTINGS {final};

-- Days whose quarters were rolled since the day was. Their sums come from the quarters; which days they are is one scalar a query, so that
-- a roll in the middle of it can neither lose nor double a day.
CREATE OR REPLACE VIEW days_behind (
  day Date COMMENT 'The day, of the program\'s zone.'
)
COMMENT 'Days whose quarters were rolled after the day was.'
AS
SELECT day FROM (SELECT toDate(quarter, '{zone}') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS {final};

CREATE OR REPLACE VIEW partner_days_behind (
  day Date COMMENT 'The day, of the program\'s zone.'
)
COMMENT 'The same of days by partner.'
AS
SELECT day FROM (SELECT toDate(quarter, '{zone}') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_partner_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_daily (
  day Date COMMENT 'The day, of the program\'s zone.',
  {dimension_columns},
  {measure_columns}
)
COMMENT 'rollup_quarter by day of the program. visitors: of the row, error 1.6 %, at most a minute old for days still growing, not to be added up.'
AS
WITH (SELECT groupArray(day) FROM days_behind) AS behind
SELECT day, {dimensions}, {measures}
FROM (
  SELECT day, {keys}, {cell_sums}, toUInt64(visitors) AS visitors
  FROM cells_day FINAL WHERE NOT has(behind, day) AND NOT is_empty
  UNION ALL
  SELECT day, {keys}, {sums}, max(visitors) AS visitors
  FROM (
    SELECT toDate(quarter, '{zone}') AS day, {keys}, {cell_sums}, toUInt64(0) AS visitors, 1 AS is_quarter
    FROM cells FINAL WHERE {quarters_behind} AND NOT is_empty
    UNION ALL
    SELECT day, {keys}, {no_sums}, toUInt64(visitors) AS visitors, 0 AS is_quarter
    FROM cells_day FINAL WHERE has(behind, day) AND NOT is_empty
  )
  GROUP BY day, {keys}
  HAVING max(is_quarter) = 1
)
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_daily_in
COMMENT 'rollup_daily in any zone, with its columns. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT day, {dimensions}, {measures}
FROM (
  SELECT toDate(quarter, {zone:String}) AS day, {keys}, {sums}, sum(visitors) AS visitors
  FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY day, {keys}
)
SETTINGS {final};

CREATE OR REPLACE VIEW partner_daily (
  day Date COMMENT 'The day, of the program\'s zone.',
  partner_id UInt32 COMMENT 'Whose clicks and orders; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  partner_kind String COMMENT 'His type, of the newest catalog; empty where it has none.',
  currency LowCardinality(String) COMMENT 'Of the amounts; of clicks the offer\'s.',
  {measure_columns}
)
COMMENT 'rollup_daily by partner and currency. visitors: distinct over the day and all currencies, error 1.6 %, seconds old for days still growing; not to be added up over days (merge uniques_day.state for that).'
AS
WITH (SELECT groupArray(day) FROM partner_days_behind) AS behind
SELECT day, partner_id, {partner_name}, {partner_kind}, currency, {measures}
FROM (
  SELECT day, partner_id, currency, {cell_sums} FROM cells_partner_day FINAL WHERE NOT has(behind, day) AND NOT is_empty
  UNION ALL
  SELECT toDate(quarter, '{zone}') AS day, partner_id, currency, {sums} FROM cells FINAL
  WHERE {quarters_behind} AND NOT is_empty
  GROUP BY day, partner_id, currency
) AS sums
LEFT JOIN (SELECT day, partner_id, visitors FROM uniques_day FINAL) AS uniques USING (day, partner_id)
SETTINGS {final};

CREATE OR REPLACE VIEW audit (
  at DateTime64(3, 'UTC') COMMENT 'When it was checked, UTC.',
  what LowCardinality(String) COMMENT 'sequences, cells or orders: what was compared; retired and complete: what is known of writers.',
  subject String COMMENT 'The writer and its life; of complete until when.',
  expected UInt64 COMMENT 'How many there should be.',
  found UInt64 COMMENT 'How many there are, or are right.',
  ok UInt8 COMMENT '1 where the two agree.',
  detail String COMMENT 'What is missing or wrong, the first few.'
)
COMMENT 'What the last audit found: sequences spooled and stored by writer, cells compared with facts.'
AS
SELECT at, what, subject, expected, found, expected = found AS ok, detail
FROM audit_log FINAL
WHERE at = (SELECT max(at) FROM audit_log)
