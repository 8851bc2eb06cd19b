-- Columns by which every rollup is grouped, after its time.
  partner_id UInt32 COMMENT 'Whose clicks and orders; 0 for none.',
  partner_name String COMMENT 'His name, of the newest catalog; empty where it has none.',
  partner_kind String COMMENT 'His type, of the newest catalog; empty where it has none.',
  offer_id UInt32 COMMENT 'For what.',
  offer_name String COMMENT 'Its name, of the newest catalog; empty where it has none.',
  link_id UInt32 COMMENT 'By which link; 0 for orders by a coupon or a name in a report.',
  link_code String COMMENT 'Its code in /c/CODE, of the newest catalog; empty where it has none.',
  country LowCardinality(String) COMMENT 'Of the click or touch, two letters by ISO 3166; ZZ for unknown.',
  device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, bot or unknown.',
  currency LowCardinality(String) COMMENT 'Of the amounts; of clicks the offer\'s.'
