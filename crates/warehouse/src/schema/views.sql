-- What analysts read. Every view applies FINAL; money is exact. `{zone}`, `{scale}` and the like are filled in by `schema.rs`.

CREATE OR REPLACE VIEW clicks
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

CREATE OR REPLACE VIEW reports
COMMENT 'One row per message of a shop about an order, as it came.'
AS
SELECT
  received_at, nullIf(reported_at, toDateTime64(0, 3, 'UTC')) AS reported_at, advertiser_id, {advertiser_name}, order_id,
  channel, event, click_id, refused_click, refused_reason,
  if(visitor_id = 0, '', lower(leftPad(hex(visitor_id), 16, '0'))) AS visitor_id, customer_id, email_id,
  coupon, coupons, partner_id, offer_id, {offer_name}, statement, refund_id, refund_kind, if(has_amount, {money amount_minor}, NULL) AS amount, amount_minor, currency, items, status, reason,
  new_customer, nullIf(checkout_at, toDateTime64(0, 3, 'UTC')) AS checkout_at, delivery, catalog_version, lower(hex(event_id)) AS event_id, writer, incarnation, sequence
FROM reports_log FINAL
SETTINGS {final};

CREATE OR REPLACE VIEW orders
COMMENT 'One row per order, as it is decided now. amount less refunded is revenue, 0 when rejected; reporting is that in the reporting currency; trace says why the partner is who he is.'
AS
SELECT
  at, quarter, advertiser_id, {advertiser_name}, order_id, event, status, partner_id, {partner_name}, offer_id, {offer_name},
  if(has_amount, {money amount_minor}, NULL) AS amount, {money refunded_minor} AS refunded, {money revenue_minor} AS revenue,
  amount_minor, refunded_minor, revenue_minor, currency, matched, unattributed, report_count, time_source,
  first_received_at, last_received_at, payable_at, catalog_version, trace, ver,
  model, path_touches, {reporting}, hold, reason
FROM orders_log FINAL
WHERE NOT void
SETTINGS {final};

CREATE OR REPLACE VIEW credits
COMMENT 'One row per order and partner who did something for it: his share of the order and of its revenue, 0 for assists. link, country, device, touch: of his newest touch that counts. What the order\'s newest row outdates is left out. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, {advertiser_name}, order_id,
  partner_id, {partner_name}, offer_id, {offer_name}, link_id, {link_code}, country, device, role, status,
  {ppm share_ppm} AS share, share_ppm, {money revenue_minor} AS revenue, revenue_minor, currency,
  lower(hex(touch_id)) AS touch_id, ver,
  {reporting}, hold, assists, touches
FROM (
  SELECT
    quarter, advertiser_id, order_id, partner_id, max(c.at) AS at, max(c.ver) AS ver,
    argMax(c.touched_at, newness) AS touched_at, argMax(c.touch_id, newness) AS touch_id, argMax(c.offer_id, newness) AS offer_id,
    argMax(c.link_id, newness) AS link_id, toLowCardinality(argMax(c.country, newness)) AS country,
    toLowCardinality(argMax(c.device, newness)) AS device,
    toLowCardinality(argMin(c.role, role_order)) AS role, toLowCardinality(argMax(c.status, newness)) AS status,
    toUInt32(sum(c.share_ppm)) AS share_ppm, sum(c.revenue_minor) AS revenue_minor, toLowCardinality(argMax(c.currency, newness)) AS currency,
    sum(c.reporting_minor) AS reporting_minor, toLowCardinality(argMax(c.reporting_currency, newness)) AS reporting_currency, argMax(c.rate_e12, newness) AS rate_e12,
    toLowCardinality(argMax(c.hold, newness)) AS hold, toUInt8(sum(c.assists)) AS assists, toUInt32(count()) AS touches
  FROM (
    SELECT *, (share_ppm > 0, touched_at, touch_id) AS newness,
      transform(role, ['closer', 'introducer', 'influencer'], [1, 2, 3], 4) AS role_order
    FROM ({credits_with_role})
  ) AS c
  GROUP BY quarter, advertiser_id, order_id, partner_id
)
SETTINGS {final};

CREATE OR REPLACE VIEW touches
COMMENT 'One row per touch that was weighed for an order, credited or not: what became of it, what it did, how old it was. kind, found and verdict are empty on rows of builds that did not say. Filter by quarter.'
AS
SELECT
  at, quarter, touched_at, dateDiff('millisecond', touched_at, at) AS age_ms, advertiser_id, {advertiser_name}, order_id,
  partner_id, {partner_name}, offer_id, {offer_name}, link_id, {link_code}, country, device,
  kind, found, verdict, role, status,
  {ppm share_ppm} AS share, share_ppm, {money revenue_minor} AS revenue, revenue_minor, currency, {reporting}, hold, assists,
  lower(hex(touch_id)) AS touch_id, ver
FROM ({credits_at_home})
SETTINGS {final};

CREATE OR REPLACE VIEW quarantine
COMMENT 'Records that could not be stored, with the reason and their bytes. replayed_at: when tributary quarantine replay put it where it belongs; NULL for never.'
AS
SELECT written_at, place, reason, lower(hex(event_id)) AS event_id, bytes, nullIf(replayed_at, toDateTime(0, 'UTC')) AS replayed_at
FROM quarantine_log FINAL;

CREATE OR REPLACE VIEW rollup_quarter
COMMENT 'Clicks and credited orders by quarter of an hour (UTC). clicks: sent on to the shop, bots and previews included. clicks_valid: by people. clicks_unique: without repeats. orders: credited, of any status, by share. cr, epc: orders and revenue per valid click. aov: revenue per order. visitors: of the row, exact, not to be added up.'
AS
SELECT quarter, {dimensions}, {measures}
FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty)
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_hourly
COMMENT 'rollup_quarter by hour of the program. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT hour, {dimensions}, {measures}
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, '{zone}') AS hour, {keys}, {sums}, sum(visitors) AS visitors
  FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, {keys}
)
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_hourly_in
COMMENT 'rollup_hourly in any zone: rollup_hourly_in(zone = \'Europe/Berlin\').'
AS
SELECT hour, {dimensions}, {measures}
FROM (
  SELECT toStartOfInterval(quarter, INTERVAL 1 HOUR, {zone:String}) AS hour, {keys}, {sums}, sum(visitors) AS visitors
  FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY hour, {keys}
)
SETTINGS {final};

-- Days whose quarters were rolled since the day was. Their sums come from the quarters; which days they are is one scalar a query, so that
-- a roll in the middle of it can neither lose nor double a day.
CREATE OR REPLACE VIEW days_behind
COMMENT 'Days whose quarters were rolled after the day was.'
AS
SELECT day FROM (SELECT toDate(quarter, '{zone}') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS {final};

CREATE OR REPLACE VIEW partner_days_behind
COMMENT 'The same of days by partner.'
AS
SELECT day FROM (SELECT toDate(quarter, '{zone}') AS day, sum(ver) AS v FROM rolled FINAL GROUP BY day) AS q
LEFT JOIN (SELECT day, ver FROM rolled_partner_day FINAL) AS d USING (day)
WHERE v > d.ver
SETTINGS {final};

CREATE OR REPLACE VIEW rollup_daily
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
COMMENT 'rollup_daily in any zone. visitors: those of the quarters added up, so an upper bound.'
AS
SELECT day, {dimensions}, {measures}
FROM (
  SELECT toDate(quarter, {zone:String}) AS day, {keys}, {sums}, sum(visitors) AS visitors
  FROM (SELECT quarter, {keys}, {cell_sums}, visitors FROM cells FINAL WHERE NOT is_empty) GROUP BY day, {keys}
)
SETTINGS {final};

CREATE OR REPLACE VIEW partner_daily
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

CREATE OR REPLACE VIEW audit
COMMENT 'What the last audit found: sequences spooled and stored by writer, cells compared with facts.'
AS
SELECT at, what, subject, expected, found, expected = found AS ok, detail
FROM audit_log FINAL
WHERE at = (SELECT max(at) FROM audit_log)
